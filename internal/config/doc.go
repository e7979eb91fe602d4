// Package config turns flags, environment, a YAML file and defaults into the one
// [Config] that the sidecar runs with, and says where each value came from.
//
// Two nouns. A [Config] is plain data: one field per setting. A [Loaded] is a
// Config with the [Source] of every field, which check-config prints. The struct
// tags of Config are the only list of settings there is; flags, environment
// names, YAML decoding, defaults, help and docs/configuration.md all derive from
// it:
//
//	defaults  <  YAML file  <  HEARTH_* environment  <  flags
//	   \_____________\______________/_________________/
//	                         |
//	                  Load -> Loaded -> Validate
//
// A Config is a value owned by whoever loaded it. Nothing in this package keeps
// state, starts goroutines or reads the process environment by itself: the
// caller passes the environment in. All functions are safe for concurrent use on
// distinct values.
//
// What can go wrong: a value that does not parse, an unknown YAML key, settings
// that contradict each other. Every such fault is a [Problem] that names the
// place (flag, variable, or file and line); Load and Validate find all of them
// before they return, joined into one error, so that a person fixes a file once.
// [ErrInvalid] matches them all.
//
// It does not watch files (a reload is an explicit second Load), expand
// variables inside values, or know what a setting does. Nested keys on the
// command line were considered and dropped: what is a list of records (rules)
// lives in YAML alone. Client keys beyond one have a file of their own, which
// internal/keyring reads.
package config
