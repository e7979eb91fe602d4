package filter

import "strings"

const (
	// MaxBytes is the longest text that Parse takes.
	MaxBytes = 1 << 20
	// maxDepth bounds how deeply parentheses and NOT may nest.
	maxDepth = 200
)

// Parse reads a filter. It fails with an *Error that is ErrSyntax.
func Parse(text string) (Expr, error) {
	if len(text) > MaxBytes {
		return nil, syntax(MaxBytes, "a filter of %d bytes is too long", len(text))
	}
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, syntax(t.at, "expected AND, OR or the end, found %s", t.describe())
	}
	return e, nil
}

type parser struct {
	tokens []token
	next   int
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

// word takes a keyword if it is next.
func (p *parser) word(w string) bool {
	if t := p.peek(); t.kind == tokenWord && strings.EqualFold(t.text, w) {
		p.next++
		return true
	}
	return false
}

// symbol takes a symbol if it is next.
func (p *parser) symbol(s string) bool {
	if t := p.peek(); t.kind == tokenSymbol && t.text == s {
		p.next++
		return true
	}
	return false
}

func (p *parser) expectSymbol(s, after string) error {
	if !p.symbol(s) {
		t := p.peek()
		return syntax(t.at, "expected %q %s, found %s", s, after, t.describe())
	}
	return nil
}

func (p *parser) or(depth int) (Expr, error) {
	return p.list(depth, "OR", p.and, func(of []Expr) Expr { return Or{of} })
}

func (p *parser) and(depth int) (Expr, error) {
	return p.list(depth, "AND", p.not, func(of []Expr) Expr { return And{of} })
}

func (p *parser) list(depth int, word string, operand func(int) (Expr, error), make func([]Expr) Expr) (Expr, error) {
	e, err := operand(depth)
	if err != nil {
		return nil, err
	}
	of := []Expr{e}
	for p.word(word) {
		if e, err = operand(depth); err != nil {
			return nil, err
		}
		of = append(of, e)
	}
	if len(of) == 1 {
		return of[0], nil
	}
	return make(of), nil
}

func (p *parser) not(depth int) (Expr, error) {
	if depth > maxDepth {
		return nil, syntax(p.peek().at, "nested more than %d deep", maxDepth)
	}
	if p.word("NOT") {
		e, err := p.not(depth + 1)
		if err != nil {
			return nil, err
		}
		return Not{e}, nil
	}
	if p.symbol("(") {
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return e, p.expectSymbol(")", "or AND or OR")
	}
	return p.test()
}

// operand is a column or a literal.
type operand struct {
	column  *Column
	literal Literal
	at      int
}

func (p *parser) operand(what string) (operand, error) {
	t := p.take()
	o := operand{at: t.at, literal: Literal{At: t.at}}
	switch t.kind {
	case tokenQuoted:
		o.column = &Column{t.text, t.at}
	case tokenText:
		o.literal.Kind, o.literal.Text = Text, t.text
	case tokenNumber:
		var err error
		o.literal, err = number(t, false)
		return o, err
	case tokenSymbol:
		if t.text == "-" || t.text == "+" {
			if n := p.take(); n.kind == tokenNumber {
				var err error
				o.literal, err = number(n, t.text == "-")
				o.literal.At = t.at
				return o, err
			}
		}
		return o, syntax(t.at, "expected %s, found %s", what, t.describe())
	case tokenWord:
		switch up := strings.ToUpper(t.text); up {
		case "NULL":
		case "TRUE", "FALSE":
			o.literal.Kind, o.literal.Bool = Bool, up == "TRUE"
		default:
			if reserved[up] {
				return o, syntax(t.at, "expected %s, found %s", what, t.describe())
			}
			o.column = &Column{t.text, t.at}
		}
	default:
		return o, syntax(t.at, "expected %s, found %s", what, t.describe())
	}
	return o, nil
}

func (p *parser) literal() (Literal, error) {
	o, err := p.operand("a value")
	if err == nil && o.column != nil {
		err = syntax(o.at, "expected a value, found the column %s", o.column)
	}
	return o.literal, err
}

func (p *parser) op() (Op, bool) {
	t := p.peek()
	if t.kind != tokenSymbol {
		return 0, false
	}
	op, ok := map[string]Op{"=": Eq, "==": Eq, "!=": Ne, "<>": Ne, "<": Lt, "<=": Le, ">": Gt, ">=": Ge}[t.text]
	if ok {
		p.next++
	}
	return op, ok
}

func (p *parser) test() (Expr, error) {
	left, err := p.operand("a column or a value")
	if err != nil {
		return nil, err
	}
	if op, ok := p.op(); ok {
		right, err := p.operand("a value")
		switch {
		case err != nil:
			return nil, err
		case left.column != nil && right.column != nil:
			return nil, syntax(right.at, "two columns cannot be compared")
		case left.column == nil && right.column == nil:
			return nil, syntax(right.at, "expected a column, found a value; text stands in single quotes, columns in double quotes or none")
		case left.column != nil:
			return Compare{*left.column, op, right.literal}, nil
		default:
			return Compare{*right.column, op.flip(), left.literal}, nil
		}
	}
	if left.column == nil {
		if left.literal.Kind == Bool {
			return Constant{left.literal.Bool}, nil
		}
		t := p.peek()
		return nil, syntax(t.at, "expected a comparison after the value, found %s", t.describe())
	}
	return p.columnTest(*left.column)
}

func (p *parser) columnTest(c Column) (Expr, error) {
	if p.word("IS") {
		n := p.word("NOT")
		if !p.word("NULL") {
			t := p.peek()
			return nil, syntax(t.at, "expected NULL, found %s", t.describe())
		}
		return IsNull{c, n}, nil
	}
	n := p.word("NOT")
	switch {
	case p.word("IN"):
		return p.in(c, n)
	case p.word("BETWEEN"):
		low, err := p.literal()
		if err != nil {
			return nil, err
		}
		if !p.word("AND") {
			t := p.peek()
			return nil, syntax(t.at, "expected AND, found %s", t.describe())
		}
		high, err := p.literal()
		if err != nil {
			return nil, err
		}
		return Between{c, low, high, n}, nil
	case p.word("LIKE"):
		t := p.take()
		if t.kind != tokenText {
			return nil, syntax(t.at, "expected a pattern in single quotes, found %s", t.describe())
		}
		return Like{c, t.text, n}, nil
	case n:
		t := p.peek()
		return nil, syntax(t.at, "expected IN, BETWEEN or LIKE, found %s", t.describe())
	}
	return c, nil
}

func (p *parser) in(c Column, n bool) (Expr, error) {
	if err := p.expectSymbol("(", "after IN"); err != nil {
		return nil, err
	}
	e := In{Column: c, Not: n}
	for {
		l, err := p.literal()
		if err != nil {
			return nil, err
		}
		e.Values = append(e.Values, l)
		if !p.symbol(",") {
			return e, p.expectSymbol(")", "or a comma")
		}
	}
}
