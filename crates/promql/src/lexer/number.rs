//! Numbers and durations.

use super::{Flow, Kind, Lexer, is_name_part};
use crate::quote::go_quote;

impl Lexer<'_> {
    /// A number or a duration whose first character was just read.
    pub(super) fn number_or_duration(&mut self) -> Flow {
        self.at = self.start;
        if self.skip_number() {
            return self.emit(Kind::Number);
        }
        if self.skip_duration_units() {
            return self.emit(Kind::Duration);
        }
        let text = go_quote(self.word());
        self.fail(&format!("bad number or duration syntax: {text}"))
    }

    /// Goes over a number; if it is none, stays where it stopped being one: a unit may follow.
    fn skip_number(&mut self) -> bool {
        let mut is_digit: fn(char) -> bool = |c| c.is_ascii_digit();
        let mut is_hex = false;
        if self.accept(|c| c == '0') && self.accept(|c| matches!(c, 'x' | 'X')) {
            self.accept(|c| c == '_');
            (is_hex, is_digit) = (true, |c: char| c.is_ascii_hexdigit());
        }
        self.accept(|c| c == '.');
        let (mut dots, mut exponents) = (0, 0);
        loop {
            self.skip_while(is_digit);
            if self.accept(|c| c == '.') {
                dots += 1;
                if is_hex || dots > 1 || self.accept(|c| matches!(c, '_' | '.')) {
                    return false;
                }
            } else if !is_hex && self.accept(|c| matches!(c, 'e' | 'E')) {
                exponents += 1;
                if exponents > 1 {
                    return false;
                }
                self.accept(|c| matches!(c, '+' | '-'));
                if self.peek().is_none() || self.accept(|c| matches!(c, '.' | '_' | 'e' | 'E')) {
                    return false;
                }
            } else if self.accept(|c| c == '_') {
                if self.peek().is_none() || self.accept(|c| matches!(c, '.' | '_' | 'e' | 'E')) {
                    return false;
                }
            } else {
                break;
            }
        }
        !self.peek().is_some_and(is_name_part)
    }

    /// `m30s` after the first digits of `5m30s`. Units in a wrong order are found when the value is read.
    fn skip_duration_units(&mut self) -> bool {
        let mut units = "smhdwy";
        loop {
            if !self.accept(|c| units.contains(c)) {
                return false;
            }
            self.accept(|c| c == 's');
            if !self.accept(|c| c.is_ascii_digit()) {
                return !self.accept(is_name_part);
            }
            self.skip_while(|c| c.is_ascii_digit());
            units = "smhdw";
        }
    }
}
