//! What customers change while deliveries are under way, and what is none of theirs: rows 39 to 43.
