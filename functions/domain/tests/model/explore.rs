//! Explores every reachable state, and finds one that cannot end.

use std::collections::HashMap;

use crate::state::State;
use crate::steps::Rules;

pub(crate) struct Explored {
    pub(crate) states: usize,
    /// The first promise that was broken.
    pub(crate) broken: Option<&'static str>,
    /// A state from which the delivery cannot end. Not searched for if a promise was broken.
    pub(crate) stranded: Option<State>,
}

pub(crate) fn explore(rules: Rules) -> Explored {
    let mut known: HashMap<State, usize> = HashMap::from([(State::first(), 0)]);
    let mut states = vec![State::first()];
    let mut predecessors: Vec<Vec<usize>> = vec![Vec::new()];
    let mut index = 0;
    while let Some(state) = states.get(index).cloned() {
        if let Some(breach) = state.breach() {
            return Explored { states: states.len(), broken: Some(breach), stranded: None };
        }
        for next in state.next(rules) {
            let at = *known.entry(next).or_insert_with_key(|next| {
                states.push(next.clone());
                predecessors.push(Vec::new());
                states.len() - 1
            });
            predecessors[at].push(index);
        }
        index += 1;
    }
    let stranded = stranded(&states, &predecessors);
    Explored { states: states.len(), broken: None, stranded }
}

fn stranded(states: &[State], predecessors: &[Vec<usize>]) -> Option<State> {
    let mut can_end: Vec<bool> = states.iter().map(State::is_over).collect();
    let mut ends: Vec<usize> = (0..states.len()).filter(|index| can_end[*index]).collect();
    while let Some(index) = ends.pop() {
        for &earlier in &predecessors[index] {
            if !std::mem::replace(&mut can_end[earlier], true) {
                ends.push(earlier);
            }
        }
    }
    can_end.iter().position(|can| !can).map(|index| states[index].clone())
}
