//! Bytes as printable characters, as GPT-2 spells them (Radford et al. 2019): printable Latin-1
//! bytes stand for themselves, the rest for the characters from U+0100 on, in order.

/// The character that stands for a byte.
pub fn character(byte: u8) -> char {
    if stands_for_itself(byte) {
        return char::from(byte);
    }
    let rank = (0..byte).filter(|b| !stands_for_itself(*b)).count() as u32;
    char::from_u32(256 + rank).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The characters that stand for all 256 bytes.
pub fn alphabet() -> impl Iterator<Item = char> {
    (0..=u8::MAX).map(character)
}

/// A text's UTF-8 bytes, each as its character.
pub fn spell(text: &str) -> String {
    text.bytes().map(character).collect()
}

/// The byte that a character stands for.
pub fn byte(letter: char) -> Option<u8> {
    (0..=u8::MAX).find(|byte| character(*byte) == letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    #[test]
    fn spells_as_gpt2_does() {
        // Space is the 33rd byte that needs a substitute (0..=32): U+0100 + 32 = Ġ.
        assert_eq!(spell(" ab."), "Ġab.");
        // é is C3 A9 in UTF-8: both printable Latin-1.
        assert_eq!(spell("é"), "Ã©");
        assert_eq!(byte('Ġ'), Some(b' '));
    }

    #[test]
    fn has_the_librarys_alphabet() {
        let theirs = ByteLevel::alphabet();
        assert_eq!(alphabet().count(), theirs.len());
        assert!(alphabet().all(|letter| theirs.contains(&letter)));
    }
}
