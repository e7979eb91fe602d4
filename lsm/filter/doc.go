// Package filter is the small language that rows of a table are chosen with: comparisons, AND, OR, NOT, IN, BETWEEN,
// LIKE and null tests over the columns of an Arrow schema.
//
//	text  --Parse-->  Expr  --Bind(schema)-->  Predicate  --Eval(batch)-->  true, false or null for each row
//	                                               |
//	                                               +--Root()-->  Node: what an index can answer of it
//
// The grammar, in which keywords have no case:
//
//	or      = and { OR and }
//	and     = not { AND not }
//	not     = NOT not | "(" or ")" | test
//	test    = operand op operand                  one of them a column; op is = == != <> < <= > >=
//	        | column [NOT] IN "(" literal { "," literal } ")"
//	        | column [NOT] BETWEEN literal AND literal
//	        | column [NOT] LIKE string            % is any text, _ one character, \ takes the next one as it is
//	        | column IS [NOT] NULL
//	        | column                              of booleans
//	        | TRUE | FALSE
//	literal = 'text' | number | TRUE | FALSE | NULL
//	column  = name | "name" | `name`              of a top-level column, as it is written in the schema
//
// Logic has three values, as in SQL: a comparison with null is null, NULL OR TRUE is true, and a row counts only when
// its answer is true. Numbers compare by value, whatever their types: an int32 column and 1.5 have no rounding between
// them, and a float32 column is widened, so that it equals 0.1 only where it holds the float64 0.1. Floats are in IEEE
// total order with both zeros equal: NaN is the greatest number and equals itself. Dates and timestamps compare with
// text like '2024-05-01' or '2024-05-01T10:00:00Z'; without a zone the text means UTC.
//
// Binding turns every test into ranges of its column's values, which is what evaluation compares with, and what an
// index of the column can be asked for.
//
// An Expr is plain data. A Predicate is immutable and safe for concurrent use; Eval borrows the batch.
//
// Errors: ErrSyntax for text that is no filter, ErrColumn for a name that the schema does not have, ErrType for values
// that do not compare with their column. All three come as an *Error that knows the position.
//
// There are no functions, no arithmetic, and no comparison of two columns.
package filter
