//! The answers of the receiver.

use std::collections::{HashMap, VecDeque};

/// How the receiver answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This status, without a body.
    Status(u16),
    /// This status and body.
    Body(u16, String),
    /// No response; the connection stays open for as long as the sender waits.
    Hang,
    /// No response; the connection is closed.
    Drop,
}

impl Answer {
    /// Parses what a person types: a status, `hang` or `drop`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "hang" => Some(Self::Hang),
            "drop" => Some(Self::Drop),
            _ => text.parse().ok().filter(|status| (200..600).contains(status)).map(Self::Status),
        }
    }
}

/// Answers by path.
#[derive(Default)]
pub(super) struct Script {
    paths: HashMap<String, PathScript>,
    everywhere: Option<Answer>,
}

#[derive(Default)]
struct PathScript {
    next: VecDeque<Answer>,
    always: Option<Answer>,
}

impl Script {
    pub(super) fn next(&mut self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.paths.entry(path.to_owned()).or_default().next.extend(answers);
    }

    pub(super) fn always(&mut self, path: &str, answer: Answer) {
        self.paths.entry(path.to_owned()).or_default().always = Some(answer);
    }

    pub(super) fn everywhere(&mut self, answer: Answer) {
        self.everywhere = Some(answer);
    }

    /// Takes the answer to the next request to this path.
    pub(super) fn answer(&mut self, path: &str) -> Answer {
        let script = self.paths.get_mut(path);
        let own = script.and_then(|script| script.next.pop_front().or_else(|| script.always.clone()));
        own.or_else(|| self.everywhere.clone()).unwrap_or(Answer::Status(200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_answers_come_before_the_usual_one() {
        let mut script = Script::default();
        script.everywhere(Answer::Status(204));
        script.always("/a", Answer::Hang);
        script.next("/a", [Answer::Status(500), Answer::Drop]);
        let answers: Vec<_> = (0..4).map(|_| script.answer("/a")).collect();
        assert_eq!(answers, [Answer::Status(500), Answer::Drop, Answer::Hang, Answer::Hang]);
        assert_eq!(script.answer("/b"), Answer::Status(204));
    }

    #[test]
    fn an_answer_is_a_status_or_a_word() {
        assert_eq!(Answer::parse("503"), Some(Answer::Status(503)));
        assert_eq!(Answer::parse("hang"), Some(Answer::Hang));
        for text in ["", "100", "600", "OK"] {
            assert_eq!(Answer::parse(text), None, "{text}");
        }
    }
}
