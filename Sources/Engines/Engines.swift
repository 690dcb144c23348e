// The Engines target.
