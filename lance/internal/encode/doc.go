// Package encode turns the values of a column into the bytes of pages: the opposite of package values.
//
// [Values] are the plain values of a page. [MiniBlock] chooses an encoding for them by what it measures (how many bits they
// need, how often they repeat, how many distinct ones there are) and gives their chunks; [Levels] does that for repetition
// and definition levels, [Block] for what is stored as one buffer, such as dictionaries.
//
// Nothing is kept and nothing fails on any values; results alias the input or are new. All functions may be called from many
// goroutines at once.
package encode
