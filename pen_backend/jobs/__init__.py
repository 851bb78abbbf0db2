"""Fine-tuning jobs as the client sees them: what one is, launching, following and remembering it."""
