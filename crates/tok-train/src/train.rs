//! The stage: from LANG to TOK.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use corpus::{Input, Language, Output, Request, Stage, write_rows};
use lm::SplitIds;
use serde_json::json;

use crate::algorithm::twins::with_twins;
use crate::algorithm::{self, Algorithm, base_vocabulary};
use crate::bridges::{Occurrences, bridges};
use crate::candidates;
use crate::lexicon::Lexicon;
use crate::mixture::{Mixture, Regime};
use crate::options::TrainFlags;
use crate::segmentation::Segmenter;
use crate::summary::summary;
use crate::word_counts::count_words;
use crate::{masked_forms, word_counts};

/// Trains a tokenizer on LANG's training text, measures it and publishes TOK; prints its path.
///
/// # Errors
/// A LANG that is damaged or states a masked form in minority text where it was not asked to; an algorithm, size,
/// regime or control that this LANG does not allow; a file that cannot be written; an interrupt.
pub fn run(flags: &TrainFlags) -> Result<()> {
    let lang = Input::open(&flags.lang, Stage::Lang)?;
    require_allowed(flags, &lang)?;
    let configuration = flags.configuration();
    let request = Request {
        out: &flags.out,
        force: flags.force,
        resume: flags.resume,
        kind: Stage::Tok,
        tool: "tok-train",
        configuration: &configuration,
        seeds: BTreeMap::new(),
        inputs: BTreeMap::from([("lang".to_owned(), *lang.fingerprint())]),
    };
    let Some(output) = Output::begin(request)?.into_output() else {
        return command::print(flags.out.display());
    };

    let lexicon = Lexicon::read(&lang)?;
    let candidates = candidates::read(&lang, &lexicon)?;
    let counts = count_words(&lang)?;
    if lang.manifest().states_masked() {
        tracing::warn!(
            "{}: B's training text states B† forms (--b-unmasked); a control, not to be read as a measure of transfer",
            flags.lang.display()
        );
    } else {
        masked_forms::require_absent(&lexicon, &counts, &flags.lang)?;
    }
    let letters = lexicon.letters(&counts, flags.algorithm)?;
    command::check_interrupt()?;
    let mixture = if flags.show_masked_forms {
        tracing::warn!(
            "--show-masked-forms: the tokenizer sees B† forms; a control, not to be read as a measure of transfer"
        );
        Mixture::new(flags.regime, &masked_forms::shown(&lexicon, &counts))?
    } else {
        Mixture::new(flags.regime, &counts)?
    };
    command::check_interrupt()?;

    let requested = flags.requested_vocab_size();
    let (tokenizer, text) = algorithm::train(flags.algorithm, &mixture.words, &letters, requested)?;
    command::check_interrupt()?;
    let n_tokens = tokenizer.get_vocab_size(true);
    if let Some(requested) = requested.filter(|requested| n_tokens < *requested) {
        tracing::warn!(
            "--vocab-size {requested}: the training text fills only {n_tokens} tokens; the tokenizer has {n_tokens}"
        );
    }
    let (tokenizer, text) = match flags.split_ids {
        SplitIds::None => (tokenizer, text),
        SplitIds::Language | SplitIds::Document => with_twins(&text)?,
    };
    let segmenter = Segmenter::new(flags.algorithm, tokenizer, flags.split_ids);
    let vocab_size = segmenter.vocab_size();
    if flags.split_ids != SplitIds::None {
        tracing::warn!(
            "--split-ids {}: a control; {n_tokens} tokens have {vocab_size} ids",
            flags.split_ids
        );
    }
    command::check_interrupt()?;

    let majority = segmenter.text(&counts.majority, Language::Majority)?;
    command::check_interrupt()?;
    let minority = segmenter.text(&counts.minority, Language::Minority)?;
    command::check_interrupt()?;
    let summary = summary(&lexicon, &segmenter, &majority, &minority)?;
    command::check_interrupt()?;
    let all = majority.occurrences.iter().zip(&minority.occurrences);
    let occurrences = Occurrences {
        all: all.map(|(a, b)| a + b).collect(),
        minority: minority.occurrences,
    };
    // Occurrences of both copies of an id together where documents are split.
    let bridges = bridges(
        &lexicon,
        &segmenter,
        &occurrences,
        flags.seen_at_least,
        &candidates,
    )?;
    let mut masked = masked_forms::to_json(
        &lexicon,
        &counts,
        flags.show_masked_forms,
        lang.manifest().states_masked(),
    );
    if flags.show_masked_forms {
        let least = flags.seen_at_least;
        let untrained = masked_forms::untrained(&lexicon, &segmenter, &occurrences.all, least)?;
        masked["untrained_concepts"] = json!(untrained);
    }
    command::check_interrupt()?;

    corpus::write_file(&output.path("tokenizer.json"), text.as_bytes())?;
    let segmentation = segmenter.rows(&lexicon)?;
    command::check_interrupt()?;
    write_rows(&output.path("segmentation.parquet"), &segmentation)?;
    write_rows(&output.path("bridges.parquet"), &bridges)?;
    write_rows(&output.path("summary.parquet"), &summary)?;
    output.publish(json!({
        "vocab_size": vocab_size,
        "trained_vocab_size": n_tokens,
        "requested_vocab_size": requested,
        "minimum_vocab_size": base_vocabulary(flags.algorithm, &letters).len(),
        "filled": requested.is_none_or(|requested| n_tokens == requested),
        "mix": mixture.to_json(),
        "text": word_counts::to_json(&counts),
        "masked_forms": masked,
    }))?;
    command::print(flags.out.display())
}

/// What LANG's manifest or the flags alone rule out.
fn require_allowed(flags: &TrainFlags, lang: &Input) -> Result<()> {
    let script = lang.manifest().configuration["script"].as_str();
    ensure!(
        flags.algorithm != Algorithm::ByteBpe || script != Some("disjoint"),
        "--algorithm byte-bpe: {} has a disjoint script, but its letters would share UTF-8 lead bytes; use bpe or another algorithm over letters",
        flags.lang.display()
    );
    ensure!(
        !flags.show_masked_forms || !lang.manifest().states_masked(),
        "--show-masked-forms: the text of {} states them already (--b-unmasked); leave the flag out",
        flags.lang.display()
    );
    ensure!(
        !flags.show_masked_forms || flags.regime != Regime::Majority,
        "--show-masked-forms: regime majority gives minority text weight 0 and would hide them again; use another --regime"
    );
    Ok(())
}
