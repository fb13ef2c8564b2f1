use super::*;

fn all(given: &[(&'static str, String)]) -> HeaderMap {
    given.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn headers_beside_the_list_are_not_kept() {
    let given = all(&[
        ("set-cookie", "session=hunter2".into()),
        ("Location", "https://example.com/?payload=hunter2".into()),
        ("Retry-After", "30".into()),
    ]);
    assert_eq!(headers(&given), [("retry-after".to_owned(), "30".to_owned())]);
}

#[test]
fn a_long_value_is_cut_and_leaves_room_for_others() {
    let long = "x".repeat(10_000);
    let given = all(&[
        ("server", long.clone()),
        ("content-type", long.clone()),
        ("date", long),
        ("cf-ray", "7".into()),
    ]);
    let kept = headers(&given);
    let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "server", "cf-ray"], "the most informative first");
    assert!(kept.iter().all(|(_, value)| value.len() <= MAX_VALUE_BYTES));
}

#[test]
fn a_value_that_is_no_text_is_escaped() {
    let mut given = HeaderMap::new();
    given.insert("server", b"caf\xe9".as_slice().try_into().unwrap());
    assert_eq!(headers(&given)[0].1, "caf\\xe9");
}

#[test]
fn bytes_that_are_no_text_are_escaped() {
    for (bytes, expected) in [
        (b"ok\r\n\ttext".as_slice(), "ok\r\n\ttext"),
        (b"nul \0, esc \x1b[31m", "nul \\x00, esc \\x1b[31m"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u{85}é€😀".as_bytes(), "\\xc2\\x85é€😀"),
        (b"cut \xe2\x82", "cut \\xe2\\x82"),
    ] {
        assert_eq!(text(bytes, 100), (expected.to_owned(), false));
    }
}

#[test]
fn nothing_is_cut_in_two() {
    assert_eq!(text(b"abc", 3), ("abc".to_owned(), false));
    assert_eq!(text(b"abcd", 3), ("abc".to_owned(), true));
    assert_eq!(text("ab€".as_bytes(), 4), ("ab".to_owned(), true));
    assert_eq!(text(b"ab\0", 5), ("ab".to_owned(), true));
    assert_eq!(text(b"", 0), (String::new(), false));
}

#[test]
fn whatever_comes_the_text_is_printable_and_short() {
    let bytes: Vec<u8> = (0..=255).chain("é€😀".bytes()).chain((0..=255).rev()).collect();
    for start in 0..bytes.len() {
        for max in 0..32 {
            let (text, truncated) = text(&bytes[start..], max);
            assert!(text.len() <= max);
            assert!(text.chars().all(|c| !c.is_control() || "\n\r\t".contains(c)));
            assert!(truncated || text.len() >= bytes.len() - start);
        }
    }
}
