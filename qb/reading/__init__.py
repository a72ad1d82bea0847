"""What the commands share that read whole topics: which topics there are, how the input is fetched, when it stalls."""
