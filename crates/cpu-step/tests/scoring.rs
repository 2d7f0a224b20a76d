//! Scores against an independent decoder in f64, and whatever way they are asked for.

mod cases;

use cases::{dimensions, log_probability, logits, parameters, random_dimensions, stream};
use cpu_step::{Batch, Dimensions, EngineKind, Forest, Precision, ScoreError, Scorer, Trainer};
use rand::RngExt;

type Outcome = Result<(), ScoreError>;

fn engines() -> Vec<EngineKind> {
    let f32 = EngineKind::ALL
        .into_iter()
        .filter(|kind| kind.precision() == Precision::F32);
    f32.filter(|kind| kind.is_available()).collect()
}

/// Sequences of different lengths, many with the same beginning.
fn sequences(dimensions: &Dimensions, count: usize, stream: &mut seed::Stream) -> Vec<Vec<u32>> {
    let token = |stream: &mut seed::Stream| stream.random_range(0..dimensions.vocab_size as u32);
    let shared: Vec<u32> = (0..dimensions.seq_len).map(|_| token(stream)).collect();
    (0..count)
        .map(|_| {
            let len = stream.random_range(1..=dimensions.seq_len);
            let mut sequence = shared[..len].to_vec();
            for place in &mut sequence[stream.random_range(0..=len)..] {
                *place = token(stream);
            }
            sequence
        })
        .collect()
}

#[test]
fn scores_and_states_are_those_of_a_naive_decoder() -> Outcome {
    for case in 0..8 {
        let stream = &mut stream("naive", case);
        let dimensions = random_dimensions(stream);
        let weights = parameters(&dimensions, stream);
        let exact: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
        let sequences = sequences(&dimensions, 9, stream);
        for engine in engines() {
            let mut scorer = Scorer::new(dimensions, engine, 2)?;
            scorer.load(&weights)?;
            let scores = scorer.log_probabilities(&sequences)?;
            let states = scorer.hidden_states(&sequences)?;
            for ((sequence, scores), states) in sequences.iter().zip(&scores).zip(&states) {
                let decoded = logits(&dimensions, &exact, sequence);
                assert_eq!(scores.len() + 1, sequence.len());
                for (place, score) in scores.iter().enumerate() {
                    let expected = log_probability(&decoded.logits[place], sequence[place + 1]);
                    let apart = (f64::from(*score) - expected).abs();
                    assert!(
                        apart < 2e-5 * expected.abs().max(1.0),
                        "{engine}: {score}, {expected}"
                    );
                }
                assert_eq!(states.layers(), decoded.hidden.len());
                for (layer, expected) in decoded.hidden.iter().enumerate() {
                    for (token, expected) in expected.iter().enumerate() {
                        for (found, expected) in states.state(layer, token).iter().zip(expected) {
                            assert!((f64::from(*found) - expected).abs() < 1e-4);
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Alone, in a forest with others, on other threads, token by token: the same bytes.
#[test]
fn tries_plain_sequences_and_generation_agree() -> Outcome {
    let dimensions = dimensions([90, 48, 2, 2, 72, 40]);
    let stream = &mut stream("ways", 0);
    let weights = parameters(&dimensions, stream);
    let sequences = sequences(&dimensions, 70, stream);
    for engine in engines() {
        let mut scorer = Scorer::new(dimensions, engine, 2)?;
        scorer.load(&weights)?;
        let mut alone = Vec::new();
        for sequence in &sequences {
            alone.append(&mut scorer.log_probabilities(&[sequence])?);
        }
        assert_eq!(scorer.log_probabilities(&sequences)?, alone, "{engine}");
        let mut other = Scorer::new(dimensions, engine, 1)?;
        other.load(&weights)?;
        assert_eq!(other.log_probabilities(&sequences)?, alone, "{engine}");

        let mut forest = Forest::new();
        let ends: Vec<_> = sequences.iter().filter_map(|s| forest.insert(s)).collect();
        let scores = scorer.score(&forest)?;
        for (end, alone) in ends.iter().zip(&alone) {
            let sum: f64 = alone.iter().map(|score| f64::from(*score)).sum();
            assert!((scores.sequence_log_probability(&forest, *end) - sum).abs() < 1e-9);
        }

        let mut generation = scorer.generation(sequences.len());
        let mut place = 0;
        while place < dimensions.seq_len {
            let next = sequences.iter().enumerate();
            let tokens: Vec<(usize, u32)> = next
                .filter_map(|(index, s)| Some((index, *s.get(place)?)))
                .collect();
            let logits = scorer.append(&mut generation, &tokens)?;
            for ((index, _), logits) in tokens.iter().zip(logits.chunks_exact(90)) {
                if let Some(token) = sequences[*index].get(place + 1) {
                    let logits: Vec<f64> = logits.iter().map(|l| f64::from(*l)).collect();
                    let score = log_probability(&logits, *token);
                    assert!((score - f64::from(alone[*index][place])).abs() < 1e-5);
                }
            }
            place += 1;
        }
    }
    Ok(())
}

/// The scorer's mean is the trainer's loss.
#[test]
fn scores_are_the_loss_of_training() -> Outcome {
    let dimensions = dimensions([70, 64, 2, 2, 96, 24]);
    let stream = &mut stream("loss", 0);
    let weights = parameters(&dimensions, stream);
    let windows: Vec<u32> = (0..4 * 25).map(|_| stream.random_range(0..70)).collect();
    let mut scorer = Scorer::new(dimensions, EngineKind::PortableF32, 1)?;
    scorer.load(&weights)?;
    let scores = scorer
        .log_probabilities(&windows.chunks(25).collect::<Vec<_>>())?
        .concat();
    let mean = -scores.iter().map(|score| f64::from(*score)).sum::<f64>() / scores.len() as f64;
    let loss = Trainer::new(dimensions, EngineKind::PortableF32, 1)
        .and_then(|mut trainer| trainer.loss(&weights, &Batch::from_windows(&windows, 4)?));
    assert!(loss.is_ok_and(|loss| (loss - mean).abs() < 1e-5));
    Ok(())
}

#[test]
fn impossible_requests_are_refused() -> Outcome {
    let dimensions = dimensions([10, 8, 1, 1, 8, 3]);
    let mut scorer = Scorer::new(dimensions, EngineKind::PortableF32, 1)?;
    let (found, expected) = (5, dimensions.parameter_count());
    assert_eq!(
        scorer.load(&[0.0; 5]),
        Err(ScoreError::Length { found, expected })
    );
    let token = Err(ScoreError::Token {
        token: 10,
        vocab_size: 10,
    });
    assert_eq!(scorer.log_probabilities(&[[1, 10]]), token);
    // Four tokens need three positions, five need four.
    assert!(scorer.log_probabilities(&[[1, 2, 3, 4]]).is_ok());
    let long = ScoreError::TooLong {
        found: 4,
        expected: 3,
    };
    assert_eq!(
        scorer.log_probabilities(&[[1, 2, 3, 4, 5]]),
        Err(long.clone())
    );
    assert_eq!(scorer.log_probabilities(&[[0u32; 0]]), Ok(vec![vec![]]));
    let mut generation = scorer.generation(2);
    let twice = ScoreError::Sequence {
        sequence: 1,
        sequences: 2,
    };
    assert_eq!(
        scorer.append(&mut generation, &[(1, 0), (1, 0)]),
        Err(twice)
    );
    for _ in 0..3 {
        scorer.append(&mut generation, &[(0, 1)])?;
    }
    assert_eq!(scorer.append(&mut generation, &[(0, 1)]), Err(long));
    assert_eq!(generation.lengths(), [3, 0]);
    Ok(())
}
