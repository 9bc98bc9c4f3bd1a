"""Where texts, models and names come from: packages, the hub, files of your own."""
