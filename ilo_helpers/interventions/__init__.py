"""What if a hidden state were another? Patching, ablation and the logit lens."""
