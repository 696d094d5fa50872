"""Steps: one file for each rule of the workflow, called by its script and by the commands."""
