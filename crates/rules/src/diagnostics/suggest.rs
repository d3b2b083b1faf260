//! "Did you mean …?", only when it is close.

/// The candidate that a misspelt word was meant to be, as a hint.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let fold = |text: &str| text.to_lowercase().replace('_', "-");
    let folded = fold(word);
    let scored =
        candidates.into_iter().map(|candidate| (strsim::damerau_levenshtein(&fold(candidate), &folded), candidate));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    // One slip in a short word, two in a longer one: more would be guessing.
    let allowed = if folded.chars().count() < 6 { 1 } else { 2 };
    (distance <= allowed).then(|| format!("did you mean `{best}`?"))
}

/// What there is to choose from, as a hint: "`a`, `b` or `c`".
pub(crate) fn listing<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
