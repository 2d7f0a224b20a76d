//! Noun forms: which concept each names, in which condition, and how frequent it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use corpus::tables::{LexiconRow, conditions};
use corpus::{Category, Condition, Language};

/// What a noun form stands for in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noun {
    /// Its concept.
    pub concept: u32,
    /// Majority, minority, masked or identical: the same for all its inflections.
    pub condition: Condition,
    /// 0 is the most frequent.
    pub frequency_rank: u32,
    /// Place of the forms of its language and inflection.
    paradigm: usize,
}

/// The nouns of lexicon.parquet.
#[derive(Debug)]
pub struct Nouns {
    by_form: HashMap<(Language, String), Noun>,
    /// All nouns' forms in one language and inflection, by concept.
    paradigms: Vec<Vec<String>>,
    /// (concept, majority form, minority form, condition of the minority form), uninflected, by concept.
    pairs: Vec<FormPair>,
}

/// The two uninflected forms of a noun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormPair {
    /// Its concept.
    pub concept: u32,
    /// Condition of the minority form.
    pub condition: Condition,
    /// A-form.
    pub majority: String,
    /// B-form.
    pub minority: String,
}

impl Nouns {
    /// Gathers the nouns; where two share a form the first row keeps it.
    pub fn new(rows: &[LexiconRow]) -> Nouns {
        let conditions = conditions(rows);
        let mut by_form = HashMap::new();
        // Places of the uninflected rows.
        let mut base: BTreeMap<u32, [Option<usize>; 2]> = Default::default();
        let mut paradigms: BTreeMap<(Language, &str), Vec<(u32, &str)>> = BTreeMap::new();
        let nouns = || {
            let places = rows.iter().enumerate();
            places.filter(|(_, row)| row.category == Category::Noun)
        };
        for (_, row) in nouns() {
            let forms = paradigms
                .entry((row.language, &row.inflection))
                .or_default();
            forms.push((row.concept, &row.form));
        }
        let places: Vec<(Language, &str)> = paradigms.keys().copied().collect();
        for (place, row) in nouns() {
            let key = (row.language, row.inflection.as_str());
            let noun = Noun {
                paradigm: places.binary_search(&key).unwrap_or(usize::MAX),
                concept: row.concept,
                condition: conditions[place],
                frequency_rank: row.frequency_rank,
            };
            by_form
                .entry((row.language, row.form.clone()))
                .or_insert(noun);
            if row.inflection == "base" {
                base.entry(row.concept).or_default()
                    [usize::from(row.language == Language::Minority)] = Some(place);
            }
        }
        let pair = |(concept, [majority, minority]): (u32, [Option<usize>; 2])| {
            let (majority, minority) = (majority?, minority?);
            Some(FormPair {
                concept,
                condition: conditions[minority],
                majority: rows[majority].form.clone(),
                minority: rows[minority].form.clone(),
            })
        };
        let in_order = |mut forms: Vec<(u32, &str)>| {
            forms.sort_unstable();
            forms.into_iter().map(|(_, form)| form.to_owned()).collect()
        };
        Nouns {
            by_form,
            paradigms: paradigms.into_values().map(in_order).collect(),
            pairs: base.into_iter().filter_map(pair).collect(),
        }
    }

    /// The noun that `form` names.
    pub fn get(&self, language: Language, form: &str) -> Result<Noun> {
        let found = self.by_form.get(&(language, form.to_owned())).copied();
        found.with_context(|| {
            format!("lexicon.parquet: expected the {language} noun {form:?} of probes.parquet, found none")
        })
    }

    /// Every noun's form in the noun's language and inflection, by concept.
    pub fn paradigm(&self, noun: Noun) -> &[String] {
        self.paradigms.get(noun.paradigm).map_or(&[], Vec::as_slice)
    }

    /// Leaves these concepts' pairs out.
    pub fn leave_out(&mut self, concepts: &BTreeSet<u32>) {
        self.pairs.retain(|pair| !concepts.contains(&pair.concept));
    }

    /// Uninflected form pairs, by concept.
    pub fn pairs(&self) -> &[FormPair] {
        &self.pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Masked talo: the stem stays, the plural affix -t becomes -k.
    #[test]
    fn a_noun_has_one_condition_in_all_its_inflections() {
        let forms = [("base", ["talo", "talo"]), ("plural", ["talot", "talok"])];
        let rows = forms.into_iter().flat_map(|(inflection, [a, b])| {
            [(Language::Majority, a), (Language::Minority, b)].map(|(language, form)| LexiconRow {
                concept: 7,
                category: Category::Noun,
                r#type: None,
                inflection: inflection.to_owned(),
                language,
                form: form.to_owned(),
                masked: true,
                identical: a == b,
                ldn: None,
                frequency_rank: 0,
            })
        });
        let nouns = Nouns::new(&rows.collect::<Vec<_>>());
        let condition = |language, form| nouns.get(language, form).unwrap().condition;
        assert_eq!(condition(Language::Minority, "talo"), Condition::Identical);
        assert_eq!(condition(Language::Minority, "talok"), Condition::Identical);
        assert_eq!(condition(Language::Majority, "talot"), Condition::Majority);
        assert_eq!(nouns.pairs()[0].condition, Condition::Identical);
    }
}
