//! What takes long heeds a signal on its way. Alone in this process: the signal is one to all of it.
#![cfg(unix)]

mod miniature;

use std::process::Command;
use std::time::{Duration, Instant};

use command::{Interrupted, StageFlags, check_interrupt};
use corpus::{Input, Stage};
use lm::{DeviceChoice, Encoder, ModelConfig, Size, Tokenizer, Weights};
use model_train::engine::{Engine, Flat};
use model_train::validation::Validation;
use seed::Seed;

#[test]
fn validation_heeds_a_signal() {
    let flags = StageFlags {
        quiet: true,
        ..StageFlags::default()
    };
    let mut ran = false;
    // `run` stands up what heeds signals.
    let _ = command::run(&flags, || {
        let directory = tempfile::tempdir()?;
        let lang = miniature::lang(&directory.path().join("lang"), 50);
        let tok = miniature::tok(&directory.path().join("tok"), &lang, 60);
        let input = Input::open(&lang, Stage::Lang)?;
        let tokenizer = Tokenizer::load(&tok.join("tokenizer.json"))?;
        let validation = Validation::new(&input, &Encoder::plain(&tokenizer), 32, 20)?;
        let config = ModelConfig::of_size(Size::Tiny, tokenizer.vocab_size(), 32);
        let state = Flat::initial(&Weights::initial(&config, Seed(1)));
        for choice in [
            cpu_step::EngineChoice::Auto,
            cpu_step::EngineChoice::Reference,
        ] {
            let states = std::slice::from_ref(&state);
            let mut engine = Engine::new(choice, None, DeviceChoice::Cpu, &config, states, 1)?;
            if check_interrupt().is_ok() {
                Validation::losses(&[&validation], &mut engine)?;
                let own = std::process::id().to_string();
                Command::new("kill").args(["-INT", &own]).status()?;
                let sent = Instant::now();
                while check_interrupt().is_ok() {
                    assert!(sent.elapsed() < Duration::from_secs(10), "no signal came");
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            let error = Validation::losses(&[&validation], &mut engine).unwrap_err();
            assert!(error.is::<Interrupted>(), "{error:#}");
        }
        ran = true;
        Ok(())
    });
    assert!(ran);
}
