# Everything a user does with groundplan goes through make; `make help` lists the targets.
