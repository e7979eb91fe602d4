package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// Expr is a parsed filter: And, Or, Not, Compare, In, Between, Like, IsNull, Column or Constant.
type Expr interface {
	// String is the filter as text that parses to the same again.
	String() string
	// precedence orders what String must put into parentheses.
	precedence() int
}

// And is true when all operands are.
type And struct{ Of []Expr }

// Or is true when one of the operands is.
type Or struct{ Of []Expr }

// Not is true when its operand is false.
type Not struct{ Of Expr }

// Op is a comparison.
type Op uint8

// The comparisons.
const (
	Eq Op = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

// String is the operator as it is written.
func (o Op) String() string { return [...]string{"=", "!=", "<", "<=", ">", ">="}[min(o, Ge)] }

// flip is the operator for exchanged operands.
func (o Op) flip() Op { return [...]Op{Eq, Ne, Gt, Ge, Lt, Le}[o] }

// Column is a column, and as an expression of its own one of booleans.
type Column struct {
	Name string
	At   int // bytes of text in front of it
}

// Compare compares a column with a literal.
type Compare struct {
	Column Column
	Op     Op
	With   Literal
}

// In is true when the column has one of the values.
type In struct {
	Column Column
	Values []Literal
	Not    bool
}

// Between is true for values from Low to High, both included.
type Between struct {
	Column    Column
	Low, High Literal
	Not       bool
}

// Like matches text with a pattern.
type Like struct {
	Column  Column
	Pattern string
	Not     bool
}

// IsNull is true when the column has no value.
type IsNull struct {
	Column Column
	Not    bool
}

// Constant is true or false for every row.
type Constant struct{ True bool }

// Kind is the kind of a literal.
type Kind uint8

// The kinds of literals.
const (
	Null Kind = iota
	Bool
	Int   // fits int64
	Uint  // does not fit int64, but uint64
	Float // any other number
	Text
)

// Literal is a value in a filter.
type Literal struct {
	Kind  Kind
	Bool  bool
	Int   int64
	Uint  uint64
	Float float64
	Text  string
	At    int // bytes of text in front of it
}

// String is the literal as it is written.
func (l Literal) String() string {
	switch l.Kind {
	case Bool:
		return strings.ToUpper(strconv.FormatBool(l.Bool))
	case Int:
		return strconv.FormatInt(l.Int, 10)
	case Uint:
		return strconv.FormatUint(l.Uint, 10)
	case Float:
		s := strconv.FormatFloat(l.Float, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	case Text:
		return "'" + strings.ReplaceAll(l.Text, "'", "''") + "'"
	default:
		return "NULL"
	}
}

func join(of []Expr, word string, precedence int) string {
	parts := make([]string, len(of))
	for i, e := range of {
		parts[i] = e.String()
		if e.precedence() <= precedence {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, word)
}

func not(n bool) string {
	if n {
		return "NOT "
	}
	return ""
}

func (e Or) String() string  { return join(e.Of, " OR ", e.precedence()) }
func (e And) String() string { return join(e.Of, " AND ", e.precedence()) }
func (e Not) String() string { return "NOT (" + e.Of.String() + ")" }

func (e Compare) String() string { return fmt.Sprintf("%v %v %v", e.Column, e.Op, e.With) }

func (e In) String() string {
	parts := make([]string, len(e.Values))
	for i, v := range e.Values {
		parts[i] = v.String()
	}
	return fmt.Sprintf("%v %sIN (%s)", e.Column, not(e.Not), strings.Join(parts, ", "))
}

func (e Between) String() string {
	return fmt.Sprintf("%v %sBETWEEN %v AND %v", e.Column, not(e.Not), e.Low, e.High)
}

func (e Like) String() string {
	return fmt.Sprintf("%v %sLIKE %v", e.Column, not(e.Not), Literal{Kind: Text, Text: e.Pattern})
}

func (e IsNull) String() string { return fmt.Sprintf("%v IS %sNULL", e.Column, not(e.Not)) }

// String quotes the name where it is no plain word.
func (e Column) String() string {
	if plain(e.Name) {
		return e.Name
	}
	return "\"" + strings.ReplaceAll(e.Name, "\"", "\"\"") + "\""
}

func (e Constant) String() string { return strings.ToUpper(strconv.FormatBool(e.True)) }

func (Or) precedence() int       { return 1 }
func (And) precedence() int      { return 2 }
func (Not) precedence() int      { return 3 }
func (Compare) precedence() int  { return 4 }
func (In) precedence() int       { return 4 }
func (Between) precedence() int  { return 4 }
func (Like) precedence() int     { return 4 }
func (IsNull) precedence() int   { return 4 }
func (Column) precedence() int   { return 4 }
func (Constant) precedence() int { return 4 }
