//! Explores every reachable state, and finds one that cannot end.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

/// A state of what is explored.
pub(crate) trait State: Clone + Debug + Eq + Hash {
    /// The first promise that it breaks.
    fn breach(&self) -> Option<&'static str>;

    /// Whether nothing is left to do.
    fn is_over(&self) -> bool;
}

/// The states that can follow one.
pub(crate) struct Next<S> {
    pub(crate) steps: Vec<S>,
    /// Those that follow by a fault on which no end may depend.
    pub(crate) faults: Vec<S>,
}

pub(crate) struct Explored<S> {
    pub(crate) states: usize,
    /// The first promise that was broken. The test prints the way to it.
    pub(crate) broken: Option<&'static str>,
    /// A state from which nothing ends. Not searched for if a promise was broken.
    pub(crate) stranded: Option<S>,
}

pub(crate) fn explore<S: State>(first: S, next: impl Fn(&S) -> Next<S>) -> Explored<S> {
    let mut known: HashMap<S, usize> = HashMap::from([(first.clone(), 0)]);
    let mut states = vec![first];
    let mut reached_from = vec![0];
    let mut predecessors: Vec<Vec<usize>> = vec![Vec::new()];
    let mut index = 0;
    while let Some(state) = states.get(index).cloned() {
        if let Some(breach) = state.breach() {
            print_way(&states, &reached_from, index);
            return Explored { states: states.len(), broken: Some(breach), stranded: None };
        }
        let Next { steps, faults } = next(&state);
        let steps = steps.into_iter().map(|state| (state, true));
        for (next, is_step) in steps.chain(faults.into_iter().map(|state| (state, false))) {
            let at = *known.entry(next).or_insert_with_key(|next| {
                states.push(next.clone());
                reached_from.push(index);
                predecessors.push(Vec::new());
                states.len() - 1
            });
            if is_step {
                predecessors[at].push(index);
            }
        }
        index += 1;
    }
    let stranded = stranded(&states, &predecessors);
    if let Some(index) = stranded {
        print_way(&states, &reached_from, index);
    }
    Explored { states: states.len(), broken: None, stranded: stranded.map(|index| states[index].clone()) }
}

fn print_way<S: State>(states: &[S], reached_from: &[usize], mut index: usize) {
    let mut way = vec![index];
    while index > 0 {
        index = reached_from[index];
        way.push(index);
    }
    way.iter().rev().for_each(|index| println!("{:?}", states[*index]));
}

fn stranded<S: State>(states: &[S], predecessors: &[Vec<usize>]) -> Option<usize> {
    let mut can_end: Vec<bool> = states.iter().map(State::is_over).collect();
    let mut ends: Vec<usize> = (0..states.len()).filter(|index| can_end[*index]).collect();
    while let Some(index) = ends.pop() {
        for &earlier in &predecessors[index] {
            if !std::mem::replace(&mut can_end[earlier], true) {
                ends.push(earlier);
            }
        }
    }
    can_end.iter().position(|can| !can)
}
