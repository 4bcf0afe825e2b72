//! How deep a query is, before anybody walks through it.
//!
//! The parser bounds parentheses by itself. A chain of operators it reads in a loop, and what comes out is as deep as the chain is
//! long; whatever walks through that calls itself once a level, and some thousand levels end the process without a word.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::IngestError;
use crate::dataset_file::DatasetFile;

/// Operators one inside the other. Queries that people write have a tenth of it, the stack of a thread holds several times as many.
const MOST_OPERATORS: usize = 200;

/// Tables, joins and subqueries, which may all stand one inside the other.
const MOST_RELATIONS: usize = 200;

/// Refuses a query that would be too deep.
pub(super) fn check(file: &DatasetFile) -> Result<(), IngestError> {
    // What cannot be cut into words has no plan, which is said with its place elsewhere.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, &file.query).tokenize() else { return Ok(()) };
    let depth = Depth::of(&tokens);
    if depth.operators > MOST_OPERATORS {
        let expected = format!(
            "at most {MOST_OPERATORS} operators in one expression (`x IN (1, 2)` is one for any number of values, and so is a join \
             with a table of them)"
        );
        return Err(file.setting("query", expected, depth.operators));
    }
    if depth.relations > MOST_RELATIONS {
        let expected = format!(
            "at most {MOST_RELATIONS} tables, joins and subqueries (one table of [tables] takes any number of files of the same columns)"
        );
        return Err(file.setting("query", expected, depth.relations));
    }
    Ok(())
}

/// Bounds of the depth of what a query is parsed into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Depth {
    operators: usize,
    relations: usize,
}

/// What stands between a bracket, or a `CASE`, and its end.
#[derive(Default)]
struct Level {
    /// Operators of the open expression.
    operators: usize,
    /// Whether commas stand between tables.
    names_tables: bool,
}

impl Depth {
    fn of(tokens: &[Token]) -> Self {
        let mut depth = Self::default();
        let mut levels = vec![Level::default()];
        let mut before = Keyword::NoKeyword;
        for token in tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
            let word = if let Token::Word(word) = token { word.keyword } else { Keyword::NoKeyword };
            let before = std::mem::replace(&mut before, word);
            let innermost = levels.last_mut().expect("the outermost level stays");
            match token {
                Token::LParen => levels.push(Level::default()),
                Token::LBracket => {
                    innermost.operators += 1;
                    levels.push(Level::default());
                }
                Token::RParen | Token::RBracket => close(&mut levels),
                Token::Comma => {
                    innermost.operators = 0;
                    depth.relations += usize::from(innermost.names_tables);
                }
                Token::Word(word) => match word.keyword {
                    Keyword::CASE => levels.push(Level::default()),
                    Keyword::END => close(&mut levels),
                    Keyword::SELECT => {
                        depth.relations += 1;
                        *innermost = Level::default();
                    }
                    Keyword::JOIN | Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => {
                        depth.relations += 1;
                    }
                    // `IS DISTINCT FROM` and `WITHIN GROUP` stand within an expression.
                    Keyword::FROM if before == Keyword::DISTINCT => {}
                    Keyword::GROUP if before == Keyword::WITHIN => {}
                    Keyword::FROM => *innermost = Level { names_tables: true, ..Level::default() },
                    Keyword::WHERE | Keyword::GROUP | Keyword::HAVING | Keyword::ORDER => {
                        *innermost = Level::default();
                    }
                    Keyword::ON | Keyword::WHEN | Keyword::THEN | Keyword::ELSE => innermost.operators = 0,
                    Keyword::AND
                    | Keyword::OR
                    | Keyword::XOR
                    | Keyword::NOT
                    | Keyword::IS
                    | Keyword::IN
                    | Keyword::LIKE
                    | Keyword::ILIKE
                    | Keyword::SIMILAR
                    | Keyword::BETWEEN
                    | Keyword::DIV
                    | Keyword::COLLATE
                    | Keyword::AT => innermost.operators += 1,
                    _ => {}
                },
                token if is_operator(token) => innermost.operators += 1,
                _ => {}
            }
            let operators = levels.iter().map(|level| level.operators).sum();
            depth.operators = depth.operators.max(operators);
        }
        depth
    }
}

/// A bracket too many is the parser's to refuse.
fn close(levels: &mut Vec<Level>) {
    if levels.len() > 1 {
        levels.pop();
    }
}

/// Everything that is neither a value nor punctuation: whichever operators a dialect has.
fn is_operator(token: &Token) -> bool {
    !matches!(
        token,
        Token::EOF
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Placeholder(_)
            | Token::Whitespace(_)
            | Token::Period
            | Token::SemiColon
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(query: &str) -> (usize, usize) {
        let Depth { operators, relations } =
            Depth::of(&Tokenizer::new(&GenericDialect {}, query).tokenize().unwrap());
        (operators, relations)
    }

    #[test]
    fn operators_count_where_one_is_inside_the_other() {
        assert_eq!(depth("SELECT a FROM t"), (0, 1));
        assert_eq!(depth("SELECT a + b, c + d FROM t WHERE a = 1"), (1, 1), "side by side");
        assert_eq!(depth("SELECT a FROM t WHERE a = 1 OR a = 2 OR a = 3"), (5, 1));
        assert_eq!(depth("SELECT a + f(b * c - d) + e FROM t"), (3, 1), "within a call, and after it");
        assert_eq!(depth("SELECT a IN (1, 2, 3, 4, 5) FROM t"), (1, 1));
        assert_eq!(
            depth("SELECT CASE WHEN a > 1 THEN b ELSE c END + CASE WHEN d THEN e END + f FROM t"),
            (2, 1)
        );
        assert_eq!(depth("SELECT a::int[1][2] FROM t"), (3, 1));
        assert_eq!(depth("SELECT a IS DISTINCT FROM b OR c IS NOT DISTINCT\n FROM d, e, f FROM t"), (4, 1));
        assert_eq!(
            depth("SELECT f(a) WITHIN GROUP (ORDER BY b) + c + f(a) WITHIN GROUP (ORDER BY b)"),
            (2, 1)
        );
        assert_eq!(depth("SELECT \"or\", 'a + b' FROM t -- a + b + c"), (0, 1), "names, texts and comments");
    }

    #[test]
    fn tables_joins_and_subqueries_count_wherever_they_stand() {
        assert_eq!(depth("SELECT a FROM t, u JOIN v ON t.a = v.a AND t.b = v.b").1, 3);
        assert_eq!(depth("SELECT a, b FROM t UNION ALL SELECT c, d FROM (SELECT * FROM u)").1, 4);
        assert_eq!(depth("WITH x AS (SELECT 1), y AS (SELECT * FROM x) SELECT * FROM y").1, 3);
    }

    #[test]
    fn what_is_no_query_is_looked_at_without_a_panic() {
        for text in ["", ")))", "END END )", "((((", "CASE CASE ["] {
            depth(text);
        }
    }
}
