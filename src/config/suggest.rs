//! "Did you mean": the known word nearest to one that is not known.
//!
//! Nearness is the Damerau-Levenshtein distance with adjacent swaps (optimal
//! string alignment); a word is near when at most a third of it differs.

/// The word of `known` that `word` was most likely meant to be.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > 64 {
        return None;
    }
    let folded = fold(word);
    known
        .into_iter()
        .map(|candidate| (distance(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed(word, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean `x`?`, or the known words where none is near.
pub fn hint<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    noun: &str,
) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    const SHOWN: usize = 40;
    let mut all: Vec<String> = known
        .into_iter()
        .take(SHOWN + 1)
        .map(|word| format!("`{word}`"))
        .collect();
    if all.len() > SHOWN {
        all.truncate(SHOWN);
        all.push("...".to_owned());
    }
    match all.len() {
        0 => format!("there are no {noun}"),
        _ => format!("known {noun}: {}", all.join(", ")),
    }
}

fn allowed(word: &str, candidate: &str) -> usize {
    (word.chars().count().max(candidate.chars().count()) / 3).max(1)
}

fn fold(word: &str) -> Vec<char> {
    word.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '-' || c == ' ' { '_' } else { c })
        .collect()
}

/// How many letters have to be changed, added, taken out or swapped.
pub fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = usize::from(x != y);
            let at = |line: &[usize], k: usize| line.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, j) + cost)
                .min(at(&above, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found() {
        let known = ["warning", "critical", "recover", "recover_for"];
        assert_eq!(nearest("warnin", known), Some("warning"));
        assert_eq!(nearest("wraning", known), Some("warning"));
        assert_eq!(nearest("Critical", known), Some("critical"));
        assert_eq!(nearest("recover-for", known), Some("recover_for"));
    }

    #[test]
    fn far_words_are_not() {
        assert_eq!(nearest("colour", ["warning", "critical"]), None);
        assert_eq!(nearest("x", ["for"]), None);
    }

    #[test]
    fn a_swap_counts_once() {
        let chars = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("naem"), &chars("name")), 1);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
        assert_eq!(distance(&chars("abc"), &chars("")), 3);
    }
}
