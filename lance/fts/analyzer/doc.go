// Package analyzer turns text into the terms that LanceDB's full-text indexes hold, exactly as LanceDB 0.39 does.
//
// An [Analyzer] is built from the [Params] that an index stores about itself. It is a chain:
//
//	text -> base tokenizer -> drop long tokens -> lower case -> stem -> drop stop words -> fold to ASCII -> terms
//
// Every step but the first can be switched off. Each term comes with its position: the number of tokens the base
// tokenizer gave before it, the dropped ones included, so a phrase keeps the gaps that its stop words leave.
//
// An Analyzer never changes and may be used by any number of goroutines. Terms are lent to the callback and
// overwritten by the next one.
//
// What is not covered is refused with [ErrUnsupported] when the Analyzer is built, never approximated: base
// tokenizers that segment with dictionaries (icu, jieba, lindera) or know programming languages (code), JSON
// documents, and stemming or built-in stop words of languages other than English. The available Go stemmers
// implement older Snowball algorithms than the one LanceDB embeds, and a stem that differs loses matches silently.
package analyzer
