// Commands compute with all threads and seed libtorch's one generator: two at once would disturb each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
