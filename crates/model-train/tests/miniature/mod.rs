//! A miniature LANG and TOK, written through `corpus` and `tokenizers` as the stages before this one do.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod lab;

use std::path::{Path, PathBuf};

use corpus::{Begin, DocumentRef, DocumentWriter, Input, Language, Output, Request, Stage};
use rand::Rng;
use seed::Seed;
use serde_json::json;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};

const NOUNS: [&str; 8] = [
    "taka", "miru", "selto", "bani", "ruko", "delima", "so", "ñandu",
];
const VERBS: [&str; 4] = ["lemat", "pikat", "go", "zenat"];

/// Documents of one to three sentences; a fifth of them in B, which writes its vowels otherwise.
pub fn documents(count: u64, stream: &str) -> Vec<(Language, String)> {
    let mut stream = Seed(7).stream(stream);
    let mut pick = |n: usize| stream.next_u32() as usize % n;
    let document = |_| {
        let sentences = (0..=pick(3)).map(|_| {
            let (a, verb, b) = (NOUNS[pick(8)], VERBS[pick(4)], NOUNS[pick(8)]);
            format!("{a} {verb} {b} .")
        });
        let text = sentences.collect::<Vec<_>>().join(" ");
        match pick(5) {
            0 => (Language::Minority, text.replace('a', "o").replace('i', "e")),
            _ => (Language::Majority, text),
        }
    };
    (0..count).map(document).collect()
}

fn begin(out: &Path, kind: Stage, inputs: &[(&str, &Input)], note: &str) -> Output {
    let request = Request {
        out,
        force: false,
        resume: false,
        kind,
        tool: kind.tool(),
        configuration: &json!({ "note": note }),
        seeds: Default::default(),
        inputs: inputs
            .iter()
            .map(|(role, input)| ((*role).to_owned(), *input.fingerprint()))
            .collect(),
    };
    match Output::begin(request).unwrap() {
        Begin::Fresh(output) => output,
        _ => panic!("not fresh"),
    }
}

fn write_documents(path: &Path, documents: &[(Language, String)]) {
    let mut writer = DocumentWriter::create(path).unwrap();
    for (document, (language, text)) in (0..).zip(documents) {
        let row = DocumentRef {
            document,
            language: *language,
            text,
            derivation: "",
            characters: text.chars().count() as u32,
            sentences: 1,
        };
        writer.push(row).unwrap();
    }
    writer.finish().unwrap();
}

/// A LANG of two shards.
pub fn lang(out: &Path, count: u64) -> PathBuf {
    let output = begin(out, Stage::Lang, &[], &format!("{count} documents"));
    let documents = documents(count, "train");
    let (first, second) = documents.split_at(documents.len() / 3);
    write_documents(&output.path("train-00000-of-00002.parquet"), first);
    write_documents(&output.path("train-00001-of-00002.parquet"), second);
    let told = self::documents(20, "validation");
    let both: Vec<_> = told
        .iter()
        .flat_map(|(_, text)| {
            [
                (Language::Majority, text.clone()),
                (Language::Minority, text.replace('a', "o")),
            ]
        })
        .collect();
    write_documents(&output.path("validation.parquet"), &both);
    output.publish(json!({})).unwrap();
    out.to_owned()
}

/// A TOK with a BPE tokenizer of about `vocab_size` tokens; a small one has single characters only.
pub fn tok(out: &Path, lang: &Path, vocab_size: usize) -> PathBuf {
    let input = Input::open(lang, Stage::Lang).unwrap();
    let output = begin(
        out,
        Stage::Tok,
        &[("lang", &input)],
        &format!("{vocab_size} tokens"),
    );
    let mut tokenizer =
        tokenizers::Tokenizer::new(BPE::builder().unk_token("<unk>".into()).build().unwrap());
    let metaspace = Metaspace::new('▁', PrependScheme::Always, true);
    tokenizer.with_pre_tokenizer(Some(metaspace.clone()));
    tokenizer.with_decoder(Some(metaspace));
    let special = lm::tokenizer::SPECIAL_TOKENS.map(|t| tokenizers::AddedToken::from(t, true));
    let trainer = BpeTrainerBuilder::new()
        .vocab_size(vocab_size)
        .show_progress(false)
        .special_tokens(special.to_vec())
        .build();
    let mut trainer = tokenizers::models::TrainerWrapper::from(trainer);
    let texts = documents(2000, "train").into_iter().map(|(_, text)| text);
    tokenizer.train(&mut trainer, texts).unwrap();
    tokenizer
        .save(output.path("tokenizer.json"), false)
        .unwrap();
    output.publish(json!({})).unwrap();
    out.to_owned()
}
