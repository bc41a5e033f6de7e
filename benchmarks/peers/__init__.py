"""Other programs that could ask the modules, and this project: all ask the same ports for the same IMEIs."""
