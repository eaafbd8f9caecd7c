"""BigDL's example models: rnn."""
