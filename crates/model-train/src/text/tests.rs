use super::*;

/// Documents in A, the second of each chunk in B.
fn chunk(text: &str) -> Chunk {
    Chunk {
        text: text.into(),
        minority: text.lines().enumerate().map(|(at, _)| at == 1).collect(),
    }
}

/// A mapped file reads as one in memory; words are numbered by two bytes as long as those suffice, else by four.
#[test]
fn mapped_and_wide_files_read_alike() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    for width in [2, 4] {
        let (send, receive) = sync_channel(4);
        for chunk in ["b a b\na c\n", "c d\n"] {
            send.send(self::chunk(chunk)).unwrap();
        }
        drop(send);
        assert!(write_numbers(receive, &path, width).unwrap());
        for map_above_bytes in [0, 1 << 20] {
            let text = Text::read(&path, map_above_bytes).unwrap();
            let is_mapped = matches!(text.bytes, Bytes::Mapped(_));
            assert_eq!((is_mapped, text.width), (map_above_bytes == 0, width));
            let documents: Vec<String> = (0..3).map(|i| text.document_text(i)).collect();
            assert_eq!(documents, ["b a b", "a c", "c d"]);
            assert_eq!([0, 1, 2].map(|i| text.is_minority(i)), [false, true, false]);
            // 5 + 3 + 3 characters, spaces included
            assert_eq!((text.occurrences(), text.characters()), (7, 11));
            let words: Vec<_> = text
                .words()
                .iter()
                .map(|w| (&w.text[..], w.occurrences))
                .collect();
            assert_eq!(words, [("b", 2), ("a", 2), ("c", 2), ("d", 1)]);
        }
    }
}

#[test]
fn more_words_than_two_bytes_can_number_ask_for_four() {
    let directory = tempfile::tempdir().unwrap();
    let many: String = (0..=1 << 16).map(|n| format!("w{n}\n")).collect();
    for (width, fits) in [(2, false), (4, true)] {
        let (send, receive) = sync_channel(1);
        send.send(chunk(&many)).unwrap();
        drop(send);
        let path = directory.path().join("text");
        assert_eq!(write_numbers(receive, &path, width).unwrap(), fits);
    }
}

/// Parts that contradict each other are refused, also where the checksum fits. Behind the header of 88 bytes stand 7 word
/// numbers of 2 bytes, the ends 3, 5 and 7 of the documents, their languages, four counts, and the words b, a, c and d, one a
/// line.
#[test]
fn parts_that_contradict_each_other_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    let (send, receive) = sync_channel(1);
    send.send(chunk("b a b\na c\nc d\n")).unwrap();
    drop(send);
    assert!(write_numbers(receive, &path, 2).unwrap());
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(whole.len(), 88 + 14 + 24 + 3 + 32 + 8);
    let refused = |at: usize, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        let fitting = checksum(&bytes);
        bytes[8..40].copy_from_slice(&fitting);
        std::fs::write(&path, &bytes).unwrap();
        format!("{:#}", Text::read(&path, 1 << 20).err().unwrap())
    };
    let cases: [(usize, &[u8], &str); 6] = [
        (whole.len() - 8, b"\n\n\n\n\n\n\n\n", "8 words"),
        (88, &[4, 0], "word 4 of 4"),
        (88, &[1, 0], "words that occur otherwise"),
        (88 + 14, &[9], "document 0 ends at word 9"),
        (88 + 14 + 16, &[6], "documents of 6 words"),
        // Seven letters and seven words have 14 characters at most.
        (72, &[99], "99 characters of 7 letters"),
    ];
    for (at, with, expected) in cases {
        let error = refused(at, with);
        assert!(error.contains(expected), "{error}");
    }
}
