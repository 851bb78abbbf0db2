"""Everything that needs torch: tokens with weights, batches, loss, training, checkpoints, generation."""
