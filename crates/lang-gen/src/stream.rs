//! The streams of derivations: what document i of each language says.
//!
//! Document i draws its own numbered random stream ([`words`](crate::words)), so any thread can make any document, and
//! the first n documents are the same whatever n is. They depend on the world's and the corpus's seeds only: distance,
//! divergence, script and order change how a derivation is told, never which there are. B's streams skip barred
//! derivations one by one, so that masked and unmasked worlds share the rest.
//!
//! Where the configuration has the masked lemmas stated (`mask.stated`, a control), B's training stream bars held-out
//! facts only: of the same second stream fewer derivations are skipped. Validation text stays as it is, so that
//! both LANGs are measured on the same sentences.

use anyhow::bail;
use rand::RngExt;
use seed::{Family, Seed};
use world::mask::HeldOut;
use world::pieces::Text;
use world::sample::{Draft, Printer, Sampler, Teller};
use world::{Side, World};

use crate::words::Words;

/// A stream of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Training text of A, over the whole world.
    Majority,
    /// Training text of B, without what is barred.
    Minority,
    /// Validation text: names no masked lemma and states no held-out fact, told in both languages.
    Validation,
}

/// Barred derivations in a row after which B is taken to have nothing left to say.
const MAX_BARRED: u32 = 100_000;

/// Makes documents.
pub struct Documents<'a> {
    world: &'a World,
    sampler: Sampler<'a>,
    held_out: HeldOut<'a>,
    tellers: [Teller; 2],
    printer: Printer,
    families: [Family; 3],
}

/// One document's text in each asked language, reused from one to the next.
#[derive(Debug)]
pub struct Told {
    /// The random words of each stream.
    words: [Words; 3],
    /// The text in A and in B.
    texts: [Text; 2],
    /// The derivations, each after one space.
    derivations: Text,
    /// How many sentences.
    pub sentences: u16,
    draft: Draft,
    ends: Vec<u16>,
}

impl Told {
    /// The derivations, separated by one space.
    pub fn derivation(&self) -> &str {
        self.derivations.as_str().get(1..).unwrap_or_default()
    }

    /// The text in one language.
    pub fn text(&self, side: Side) -> &str {
        self.texts[side as usize].as_str()
    }
}

impl<'a> Documents<'a> {
    /// The documents of a world under a corpus seed.
    pub fn new(world: &'a World, corpus_seed: Seed) -> Documents<'a> {
        // Both seeds: another world has other documents, even where its grammar is the same.
        let seed = Seed(corpus_seed.0)
            .derive("corpus")
            .derive(&world.seed.0.to_string());
        let sampler = world.sampler();
        Documents {
            world,
            tellers: Side::ALL.map(|side| Teller::new(&sampler, &world.linearizer(side))),
            printer: Printer::new(&sampler, &world.grammar),
            sampler,
            held_out: HeldOut::new(&world.mask, &world.ontology),
            families: [
                "majority documents",
                "minority documents",
                "validation documents",
            ]
            .map(|name| seed.family(name)),
        }
    }

    /// Memory for [`Documents::tell`].
    pub fn told(&self) -> Told {
        Told {
            words: self.families.each_ref().map(Words::new),
            texts: Default::default(),
            derivations: Text::default(),
            sentences: 0,
            draft: Draft::default(),
            ends: Vec::new(),
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
        let words = &mut told.words[stream as usize];
        words.begin(index);
        let [fewest, most] = self.world.config.corpus.sentences;
        told.sentences = words.random_range(fewest..=most);
        told.texts.iter_mut().for_each(Text::clear);
        told.derivations.clear();
        let tells_masked = match stream {
            Stream::Majority => true,
            Stream::Minority => self.world.config.mask.stated,
            Stream::Validation => false,
        };
        let masked: &[bool] = if tells_masked {
            &[]
        } else {
            &self.world.mask.masked
        };
        for sentence in 0..told.sentences {
            let mut barred = 0;
            // Each attempt has words of its own: giving up a barred one early does not change the next.
            loop {
                words.next_stretch();
                let drawn = self.sampler.attempt(words, &mut told.draft, masked);
                // A draft that names a barred lemma is not drawn.
                let is_barred = |draft: &Draft| {
                    stream != Stream::Majority
                        && draft.facts.iter().any(|fact| self.held_out.contains(fact))
                };
                if drawn && !is_barred(&told.draft) {
                    break;
                }
                barred += 1;
                if barred == MAX_BARRED {
                    bail!(
                        "{MAX_BARRED} sampled derivations in a row are barred from B: lower mask.share or mask.held_out_share"
                    );
                }
            }
            self.printer
                .print(&told.draft, &mut told.ends, &mut told.derivations);
            for &side in sides {
                let text = &mut told.texts[side as usize];
                if sentence > 0 {
                    text.push_ascii(b' ');
                }
                self.tellers[side as usize].tell(&told.draft, text);
            }
        }
        Ok(())
    }
}
