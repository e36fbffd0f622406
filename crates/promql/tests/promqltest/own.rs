//! The runner's own law: what must not hold does not. Without it a runner that accepts everything would pass.

use crate::run;

/// Each eval in these is wrong in one way.
const WRONG: &str = r#"
load 1m
  a{x="1"} 1 2 3
  a{x="2"} 10 20 30
  b_bucket{le="1"} 1 2 3

# another value
eval instant at 1m a{x="1"}
  a{x="1"} 2.00001

# another label
eval instant at 1m a{x="1"}
  a{x="2"} 2

# the name is there
eval instant at 1m a{x="1"}
  {x="1"} 2

# a series too few, one too many
eval instant at 1m a
  a{x="1"} 2

eval instant at 1m a
  a{x="1"} 2
  a{x="2"} 20
  a{x="3"} 200

# nothing expected, something found
eval instant at 1m a

# another order
eval instant at 1m sort(a)
  expect ordered
  a{x="2"} 20
  a{x="1"} 2

# does not fail, fails, fails otherwise
eval instant at 1m a
  expect fail

eval instant at 1m a + on () a
  {} 1

eval instant at 1m a + on () a
  expect fail msg: something else

# messages
eval instant at 1m a
  expect warn
  a{x="1"} 2
  a{x="2"} 20

eval instant at 1m histogram_quantile(2, b_bucket)
  expect no_warn
  {} Inf

eval instant at 1m histogram_quantile(2, b_bucket)
  expect warn msg: something else
  {} Inf

# another point, a point too many, one too few, at another time
eval range from 0 to 2m step 1m a{x="1"}
  a{x="1"} 1 2 4

eval range from 0 to 2m step 1m a{x="1"}
  a{x="1"} 1 2 3 3

eval range from 0 to 2m step 1m a{x="1"}
  a{x="1"} 1 2

eval range from 0 to 2m step 1m a{x="1"} > 1
  a{x="1"} 2 _ 3

# types
eval instant at 1m vector(1)
  1

eval instant at 1m 1
  {} 1

eval instant at 0 "a"
  expect string "b"

eval instant at 1m a{x="1"}[2m]
  expect range vector from 0 to 1m step 1m
  a{x="1"} 1 3

# holds at its own time only: the rerun with `@` finds out
eval instant at 1m label_replace(a{x="1"}, "x", "2", "x", "1") + 0 * a @ 60 offset -1m
  {x="1"} 0

# cannot be read
eval instant at soon a

eval instant at 1m a +
  a{x="1"} 2

eval instant at 1m a
  a{x="1" 2

eval instant at 1m a{x="1"}
  expect nothing
  a{x="1"} 2
"#;

/// Lines of evals that held though they must not.
pub(crate) fn check() -> Result<(), String> {
    let outcome = run::run(WRONG);
    if outcome.evals > 0 && outcome.held == 0 && outcome.failures.len() == outcome.evals {
        return Ok(());
    }
    let lines: Vec<usize> = outcome.failures.iter().map(|(line, _)| *line).collect();
    Err(format!(
        "{} of {} wrong evals hold; rightly refused are lines {lines:?}",
        outcome.held, outcome.evals
    ))
}
