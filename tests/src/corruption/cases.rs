//! Which file is damaged, and who reads it.

use super::seal::Seal;

/// One file and one command that reads it.
pub struct Case {
    /// The file, below the root; a `*` stands for one name.
    pub file: &'static str,
    /// The command in short.
    pub reader: &'static str,
    /// The command.
    pub command: &'static str,
    /// What it writes.
    pub writes: Option<&'static str>,
    /// Everything that is put back before each run, what it writes among it.
    pub touched: &'static [&'static str],
    /// What vouches for the file.
    pub seal: Seal,
}

impl Case {
    /// As it is, and with fitting checksums where they can be made to fit.
    pub fn modes(&self) -> &'static [bool] {
        match self.seal {
            Seal::None | Seal::Resume => &[false],
            _ => &[false, true],
        }
    }

    /// What an error may call the file by: its name, or for a manifest its directory.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let name = self.file.rsplit('/').next().unwrap_or(self.file);
        let name = name.split('*').next().unwrap_or(name);
        let directory = self.file.split('/').next().unwrap_or(self.file);
        let directory = directory.trim_end_matches(".partial");
        // A resumed training that explodes says where.
        let by_directory = matches!(name, "manifest.json" | "runs.parquet" | "state");
        // Of the training text, in its shards and in the cache, errors speak as of one thing.
        let is_text = name.starts_with("text-") || name.starts_with("train-");
        let text = is_text.then_some("training text");
        [Some(name), by_directory.then_some(directory), text]
            .into_iter()
            .flatten()
    }
}

const LANG: Seal = Seal::Manifest(&["lang", "tok", "model", "eval"]);
const TOK: Seal = Seal::Manifest(&["tok", "model", "eval"]);
const MODEL: Seal = Seal::Manifest(&["model", "eval"]);
const EVAL: Seal = Seal::Manifest(&["eval"]);
const REPORT: Seal = Seal::Manifest(&["report"]);

/// Damage to one of these stays within them.
const CHAIN: &[&str] = &[
    "lang",
    "tok",
    "model",
    "eval",
    "out",
    "out.partial",
    "cache",
];

const TOK_TRAIN: &str = "tok-train --lang lang --vocab-size 64 --out out --quiet";
/// Leaves the prepared text in the cache.
pub const MODEL_TRAIN: &str = "model-train --lang lang --tok tok --d-model 16 --n-heads 2 --n-layers 1 --max-steps 2 \
    --batch-size 2 --seq-len 32 --checkpoints 2 --validation-documents 4 --threads 1 --out out --quiet";
const EVALUATE: &str = "transfer-eval --lang lang --tok tok --model model --samples 2 --draws 2 --validation-pairs 4 \
    --bootstrap 5 --threads 1 --out out --quiet";
const AUDIT: &str = "lang-gen audit lang --quiet";
const EXPORT: &str = "lang-gen export-blimp lang";
const SHOW_LANG: &str = "lang-gen show lang";
const SHOW_TOK: &str = "tok-train show tok 0 1 2";
const SHOW_EVAL: &str = "transfer-eval show eval";
const AGGREGATE: &str = "transfer-eval aggregate eval --lang lang --tok tok";
const AGGREGATE_WHERE_IT_WAS: &str = "transfer-eval aggregate eval";
const TRAINED_ALREADY: &str = "model-train --lang lang --tok tok --out model --cache cache --engine portable-f32 --quiet \
    --d-model 16 --n-heads 2 --n-layers 1 --max-steps 4 --batch-size 2 --seq-len 32 --checkpoints 2 \
    --validation-documents 4 --resume";
const REPORT_EVAL: &str = "study report eval --out out --quiet";
const REPORT_AGAIN: &str = "study report report --out out --quiet";
/// Long enough to be killed half-way, then goes on.
pub const RESUME_MODEL: &str = "model-train --lang lang --tok tok --d-model 16 --n-heads 2 --n-layers 1 --max-steps 400 \
    --batch-size 2 --seq-len 32 --checkpoints 12 --validation-documents 4 --threads 1 --out begun-model --resume --quiet";
/// As [`RESUME_MODEL`].
pub const RESUME_EVAL: &str = "transfer-eval --lang lang --tok tok --model model --samples 50 --draws 2 --validation-pairs 4 \
    --bootstrap 5 --threads 1 --out begun-eval --resume --quiet";

const fn case(file: &'static str, reader: &'static str, command: &'static str, seal: Seal) -> Case {
    Case {
        file,
        reader,
        command,
        writes: Some("out"),
        touched: CHAIN,
        seal,
    }
}

const fn reported(file: &'static str) -> Case {
    Case {
        file,
        reader: "study report",
        command: REPORT_AGAIN,
        writes: Some("out"),
        touched: &["report", "out", "out.partial"],
        seal: REPORT,
    }
}

const fn begun(file: &'static str, command: &'static str, seal: Seal) -> Case {
    const TOUCHED: &[&str] = &[
        "begun-model",
        "begun-model.partial",
        "begun-eval",
        "begun-eval.partial",
    ];
    let is_model = file.as_bytes()[6] == b'm';
    Case {
        file,
        reader: if is_model {
            "model-train --resume"
        } else {
            "transfer-eval --resume"
        },
        command,
        writes: Some(if is_model {
            "begun-model"
        } else {
            "begun-eval"
        }),
        touched: TOUCHED,
        seal,
    }
}

const fn written(file: &'static str, reader: &'static str, command: &'static str) -> Case {
    const TOUCHED: &[&str] = &["input", "plan", "out", "out.partial", "planned"];
    Case {
        file,
        reader,
        command,
        writes: Some("out"),
        touched: TOUCHED,
        seal: Seal::None,
    }
}

/// Every file between stages, with those who read it.
pub const CASES: &[Case] = &[
    case("lang/manifest.json", "tok-train", TOK_TRAIN, LANG),
    case("lang/world.json", "lang-gen audit", AUDIT, LANG),
    case("lang/world.json", "lang-gen show", SHOW_LANG, LANG),
    case("lang/world.json", "transfer-eval", EVALUATE, LANG),
    case("lang/lexicon.parquet", "tok-train", TOK_TRAIN, LANG),
    case("lang/lexicon.parquet", "lang-gen audit", AUDIT, LANG),
    case("lang/lexicon.parquet", "transfer-eval", EVALUATE, LANG),
    case("lang/facts.parquet", "lang-gen audit", AUDIT, LANG),
    case(
        "lang/train-00000-of-00002.parquet",
        "tok-train",
        TOK_TRAIN,
        LANG,
    ),
    case(
        "lang/train-00000-of-00002.parquet",
        "model-train",
        MODEL_TRAIN,
        LANG,
    ),
    case(
        "lang/train-00000-of-00002.parquet",
        "lang-gen audit",
        AUDIT,
        LANG,
    ),
    case(
        "lang/train-00000-of-00002.parquet",
        "study report",
        REPORT_EVAL,
        LANG,
    ),
    case("lang/validation.parquet", "model-train", MODEL_TRAIN, LANG),
    case("lang/validation.parquet", "transfer-eval", EVALUATE, LANG),
    case("lang/probes.parquet", "tok-train", TOK_TRAIN, LANG),
    case("lang/probes.parquet", "transfer-eval", EVALUATE, LANG),
    case("lang/probes.parquet", "lang-gen export-blimp", EXPORT, LANG),
    case("lang/probes.parquet", "study report", REPORT_EVAL, LANG),
    case("tok/manifest.json", "model-train", MODEL_TRAIN, TOK),
    case("tok/tokenizer.json", "model-train", MODEL_TRAIN, TOK),
    case("tok/segmentation.parquet", "tok-train show", SHOW_TOK, TOK),
    case("tok/segmentation.parquet", "study report", REPORT_EVAL, TOK),
    case("tok/bridges.parquet", "tok-train show", SHOW_TOK, TOK),
    case("tok/bridges.parquet", "transfer-eval", EVALUATE, TOK),
    case("tok/summary.parquet", "study report", REPORT_EVAL, TOK),
    case("model/manifest.json", "transfer-eval", EVALUATE, MODEL),
    case(
        "model/checkpoints/step-000004/config.json",
        "transfer-eval",
        EVALUATE,
        MODEL,
    ),
    case(
        "model/checkpoints/step-000004/model.safetensors",
        "transfer-eval",
        EVALUATE,
        MODEL,
    ),
    case(
        "model/checkpoints/step-000004/tokenizer.json",
        "transfer-eval",
        EVALUATE,
        MODEL,
    ),
    case(
        "model/checkpoints/step-000004/tokenizer_config.json",
        "transfer-eval",
        EVALUATE,
        MODEL,
    ),
    case(
        "model/checkpoints/step-000004/generation_config.json",
        "transfer-eval",
        EVALUATE,
        MODEL,
    ),
    case("model/run.json", "transfer-eval", EVALUATE, Seal::None),
    Case {
        file: "model/train_log.parquet",
        reader: "model-train --resume",
        command: TRAINED_ALREADY,
        writes: Some("model"),
        touched: CHAIN,
        // As is: with a checksum that fits it is another MODEL, which nobody reads the log of.
        seal: Seal::Resume,
    },
    case("eval/manifest.json", "transfer-eval show", SHOW_EVAL, EVAL),
    case(
        "eval/run.json",
        "transfer-eval aggregate",
        AGGREGATE_WHERE_IT_WAS,
        Seal::None,
    ),
    case(
        "eval/metrics.parquet",
        "transfer-eval show",
        SHOW_EVAL,
        EVAL,
    ),
    case("eval/metrics.parquet", "study report", REPORT_EVAL, EVAL),
    case(
        "eval/scores.parquet",
        "transfer-eval aggregate",
        AGGREGATE,
        EVAL,
    ),
    case("eval/scores.parquet", "study report", REPORT_EVAL, EVAL),
    case(
        "eval/validation_scores.parquet",
        "transfer-eval aggregate",
        AGGREGATE,
        EVAL,
    ),
    case(
        "eval/samples.parquet",
        "transfer-eval aggregate",
        AGGREGATE,
        EVAL,
    ),
    case(
        "eval/continuations.parquet",
        "transfer-eval aggregate",
        AGGREGATE,
        EVAL,
    ),
    case(
        "eval/alignment.parquet",
        "transfer-eval aggregate",
        AGGREGATE,
        EVAL,
    ),
    reported("report/manifest.json"),
    reported("report/runs.parquet"),
    reported("report/metrics.parquet"),
    reported("report/concepts.parquet"),
    reported("report/claims.parquet"),
    reported("report/interventions.parquet"),
    reported("report/statistics.parquet"),
    begun(
        "begun-model.partial/configuration.json",
        RESUME_MODEL,
        Seal::None,
    ),
    begun("begun-model.partial/resume/state", RESUME_MODEL, Seal::Tail),
    begun(
        "begun-model.partial/checkpoints/step-000000/model.safetensors",
        RESUME_MODEL,
        Seal::Resume,
    ),
    begun(
        "begun-eval.partial/configuration.json",
        RESUME_EVAL,
        Seal::None,
    ),
    begun(
        "begun-eval.partial/resume/step-000000/scores.parquet",
        RESUME_EVAL,
        Seal::Folder,
    ),
    Case {
        file: "cache/in-vitro-lab/text-*.words",
        reader: "model-train",
        command: MODEL_TRAIN,
        writes: Some("out"),
        touched: CHAIN,
        seal: Seal::Head,
    },
    written(
        "input/worlds/world.toml",
        "lang-gen",
        "lang-gen --world input/worlds/world.toml --documents 20 --out out --quiet",
    ),
    written(
        "input/grammars/core.grammar",
        "lang-gen",
        "lang-gen --world input/worlds/world.toml --documents 20 --out out --quiet",
    ),
    written(
        "input/study.toml",
        "study plan",
        "study plan input/study.toml --out planned",
    ),
    written("plan/runs.parquet", "study status", "study status plan"),
    written(
        "plan/study.toml",
        "study report",
        "study report plan --out out",
    ),
];
