use super::*;

#[test]
fn a_state_is_read_back_and_damage_is_seen() {
    let row = TrainLogRow {
        step: 7,
        tokens_seen: 700,
        chars_seen: 2100,
        loss_nats: 0.1 + 0.2,
        lr: 1e-3,
        gradient_norm: 0.7,
        validation_nats_majority: Some(1.25),
        validation_nats_minority: None,
        validation_bits_per_char_majority: Some(2.5),
        validation_bits_per_char_minority: None,
    };
    let state = State {
        cursor: Some(Cursor {
            epoch: 1,
            document: 2,
            word: 3,
            pending: vec![4, 5],
            before: 6,
            chars_seen: 2100,
            tokens_seen: 700,
        }),
        engines: vec!["portable-f32".into()],
        mean_loss: Some(0.3),
        flat: Flat {
            parameters: vec![1.0, -2.5],
            first: vec![0.0, 1e-30],
            second: vec![3.0, 4.0],
            steps: 7,
        },
        log: Log {
            rows: vec![row.clone(), row],
            timing: vec![TimingRow {
                step: 7,
                tokens_per_second: 1e5,
                seconds: 0.5,
            }],
        },
        events: Some(Mark {
            file: "events.out.tfevents.1".into(),
            bytes: 40,
        }),
    };
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(State::read(directory.path()).unwrap(), None);
    state.write(directory.path()).unwrap();
    assert_eq!(State::read(directory.path()).unwrap(), Some(state));
    let path = path(directory.path());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = format!("{:#}", State::read(directory.path()).unwrap_err());
    assert!(
        error.contains("damaged; start again with --force"),
        "{error}"
    );
}

/// 12 · (2^62 + 2), 80 · 2^61 and 24 · 2^61 are 24, 0 and 0 in 64 bits: the lengths in a file with two parameters and
/// no rows.
#[test]
fn counts_whose_products_wrap_are_seen() {
    let directory = tempfile::tempdir().unwrap();
    let state = State {
        cursor: None,
        engines: Vec::new(),
        mean_loss: None,
        flat: Flat {
            parameters: vec![1.0, 2.0],
            first: vec![0.0; 2],
            second: vec![0.0; 2],
            steps: 0,
        },
        log: Log::default(),
        events: None,
    };
    state.write(directory.path()).unwrap();
    let bytes = std::fs::read(path(directory.path())).unwrap();
    let (start, rest) = bytes[..bytes.len() - 32].split_at(16);
    let length = u64::from_le_bytes(start[8..].try_into().unwrap());
    let (header, numbers) = rest.split_at(length as usize);
    let header = String::from_utf8(header.to_vec()).unwrap();
    for (name, count, wrapping) in [
        ("parameters", 2, (1_u64 << 62) + 2),
        ("log_rows", 0, 1 << 61),
        ("timing_rows", 0, 1 << 61),
    ] {
        let found = format!("\"{name}\":{count}");
        assert!(header.contains(&found), "{header}");
        let header = header.replace(&found, &format!("\"{name}\":{wrapping}"));
        let mut bytes = MAGIC.to_vec();
        bytes.extend((header.len() as u64).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(numbers);
        let checksum = blake3::hash(&bytes);
        bytes.extend(checksum.as_bytes());
        assert_eq!(parse(&bytes).unwrap_err().to_string(), "another length");
    }
}

/// After 5 steps of a model with 4 · 3 + 1 · (4 · 3 · 4 + 3 · 3 · 5 + 2 · 3) + 3 parameters.
#[test]
fn the_size_on_disk_is_told_beforehand() {
    let config = ModelConfig {
        vocab_size: 4,
        d_model: 3,
        n_layers: 1,
        n_heads: 2,
        d_head: 2,
        d_ff: 5,
        ..ModelConfig::of_size(lm::Size::Tiny, 4, 8)
    };
    let parameters = 12 + (48 + 45 + 6) + 3;
    assert_eq!(config.n_parameters(), parameters);
    let row = TrainLogRow {
        step: 0,
        tokens_seen: 0,
        chars_seen: 0,
        loss_nats: 1.0,
        lr: 0.0,
        gradient_norm: 0.0,
        validation_nats_majority: None,
        validation_nats_minority: None,
        validation_bits_per_char_majority: None,
        validation_bits_per_char_minority: None,
    };
    let timing = TimingRow {
        step: 1,
        tokens_per_second: 1.0,
        seconds: 1.0,
    };
    let state = State {
        cursor: None,
        engines: vec!["portable-f32".into()],
        mean_loss: Some(1.0),
        flat: Flat {
            parameters: vec![0.0; parameters],
            first: vec![0.0; parameters],
            second: vec![0.0; parameters],
            steps: 5,
        },
        log: Log {
            rows: vec![row; 6],
            timing: vec![timing; 5],
        },
        events: None,
    };
    let directory = tempfile::tempdir().unwrap();
    state.write(directory.path()).unwrap();
    let found = std::fs::metadata(path(directory.path())).unwrap().len();
    let told = State::disk_bytes(&config, 5);
    assert!((found..=found + 4096).contains(&told), "{found} {told}");
}
