//! The streams of derivations: what document i of each language says.
//!
//! Document i draws its own numbered random stream, so any thread can make any document, and the first n
//! documents are the same whatever n is. They depend on the world's and the corpus's seeds only: distance,
//! divergence, script and order change how a derivation is told, never which there are. B's streams skip
//! barred derivations one by one, so that masked and unmasked worlds share the rest.

use anyhow::bail;
use rand::RngExt;
use seed::{Family, Seed};
use world::derivation::DerivationPrinter;
use world::linearize::Linearizer;
use world::sample::{Draft, Sampler};
use world::{Side, World};

/// A stream of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Training text of A, over the whole world.
    Majority,
    /// Training text of B, without what is barred.
    Minority,
    /// Validation text: unbarred, told in both languages.
    Validation,
}

/// Barred derivations in a row after which B is taken to have nothing left to say.
const MAX_BARRED: u32 = 100_000;

/// Random words set aside for each derivation; the longest draw a few hundred.
const DERIVATION_WORDS: u128 = 4096;

/// Makes documents.
pub struct Documents<'a> {
    world: &'a World,
    sampler: Sampler<'a>,
    linearizers: [Linearizer; 2],
    printer: DerivationPrinter,
    families: [Family; 3],
}

/// One document's text in each asked language, reused from one to the next.
#[derive(Debug, Default)]
pub struct Told {
    /// The text in A.
    pub majority: String,
    /// The text in B.
    pub minority: String,
    /// The derivations, each after one space.
    derivations: String,
    /// How many sentences.
    pub sentences: u16,
    draft: Draft,
}

impl Told {
    /// The derivations, separated by one space.
    pub fn derivation(&self) -> &str {
        self.derivations.get(1..).unwrap_or_default()
    }

    /// The text in one language.
    pub fn text(&self, side: Side) -> &str {
        match side {
            Side::Majority => &self.majority,
            Side::Minority => &self.minority,
        }
    }
}

impl<'a> Documents<'a> {
    /// The documents of a world under a corpus seed.
    pub fn new(world: &'a World, corpus_seed: Seed) -> Documents<'a> {
        // Both seeds: another world has other documents, even where its grammar is the same.
        let seed = Seed(corpus_seed.0)
            .derive("corpus")
            .derive(&world.seed.0.to_string());
        Documents {
            world,
            sampler: world.sampler(),
            linearizers: Side::ALL.map(|side| world.linearizer(side)),
            printer: DerivationPrinter::new(&world.grammar, &world.concepts),
            families: [
                "majority documents",
                "minority documents",
                "validation documents",
            ]
            .map(|name| seed.family(name)),
        }
    }

    /// Makes document `index` of a stream, told in the given languages.
    ///
    /// # Errors
    /// Where B may say next to nothing of this world.
    pub fn tell(
        &self,
        stream: Stream,
        index: u64,
        sides: &[Side],
        told: &mut Told,
    ) -> anyhow::Result<()> {
        let mut rng = self.families[stream as usize].at(index);
        let [fewest, most] = self.world.config.corpus.sentences;
        told.sentences = rng.random_range(fewest..=most);
        told.majority.clear();
        told.minority.clear();
        told.derivations.clear();
        let masked: &[bool] = if stream == Stream::Majority {
            &[]
        } else {
            &self.world.mask.masked
        };
        // Derivation k of a document has its own stretch of the document's stream: giving up a barred one
        // early does not change the next.
        let mut attempt = 1;
        for sentence in 0..told.sentences {
            let mut barred = 0;
            loop {
                rng.set_word_pos(attempt * DERIVATION_WORDS);
                attempt += 1;
                let drawn = self.sampler.attempt(&mut rng, &mut told.draft, masked);
                if drawn && (stream == Stream::Majority || !self.world.bars(&told.draft)) {
                    break;
                }
                barred += 1;
                if barred == MAX_BARRED {
                    bail!(
                        "{MAX_BARRED} sampled derivations in a row are barred from B: lower mask.share or mask.held_out_share"
                    );
                }
            }
            let space = if sentence == 0 { "" } else { " " };
            self.printer.print(&told.draft.nodes, &mut told.derivations);
            for &side in sides {
                let text = match side {
                    Side::Majority => &mut told.majority,
                    Side::Minority => &mut told.minority,
                };
                text.push_str(space);
                self.linearizers[side as usize].tell(&told.draft.nodes, text);
            }
        }
        Ok(())
    }
}
