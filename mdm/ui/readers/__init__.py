"""What the screens read: each function asks the database a fixed number of questions and returns plain values."""
