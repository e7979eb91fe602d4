package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Predicate is a filter bound to the columns of a schema. It is immutable and safe for concurrent use.
type Predicate struct {
	root    *node
	columns []string
	text    string
}

// Columns are the columns that Eval needs, each once. The caller does not change them.
func (p *Predicate) Columns() []string { return p.columns }

// String is the filter as text.
func (p *Predicate) String() string { return p.text }

// node is a part of a bound filter. NOT is gone: it was moved into the tests.
type node struct {
	op   nodeOp
	of   []*node
	leaf *leaf
	is   State // of a constant
}

type nodeOp uint8

const (
	opConstant nodeOp = iota
	opAnd
	opOr
	opLeaf
)

// State is an answer in three-valued logic. AND is the least of its operands, OR the greatest.
type State uint8

// The answers.
const (
	False State = iota
	Unknown
	True
)

func (s State) not() State { return True - s }

// leaf is a test of one column: which answer its values inside and outside of the ranges give, and null.
type leaf struct {
	column          string
	typ             arrow.DataType // of the values
	keys            []keyRange
	texts           []textRange
	like            *pattern // inside are only those texts that match, too
	inside, outside State
	null            State
}

func (l *leaf) not() *leaf {
	n := *l
	if l.like == nil && l.inside == True && l.outside == False {
		if domainOf(l.typ) == domainText {
			n.texts = complementTexts(l.texts)
		} else {
			n.keys = complementKeys(l.keys)
		}
		n.null = l.null.not()
		return &n
	}
	n.inside, n.outside, n.null = l.inside.not(), l.outside.not(), l.null.not()
	return &n
}

// Bind checks a filter against a schema and prepares it. It fails with an *Error that is ErrColumn or ErrType.
func Bind(e Expr, s *arrow.Schema) (*Predicate, error) {
	b := binder{schema: s}
	root, err := b.bind(e, false)
	if err != nil {
		return nil, err
	}
	return &Predicate{root, b.columns, e.String()}, nil
}

type binder struct {
	schema  *arrow.Schema
	columns []string
}

// bind binds an expression, or its negation.
func (b *binder) bind(e Expr, negate bool) (*node, error) {
	var l *leaf
	var err error
	switch e := e.(type) {
	case And:
		return b.list(e.Of, opAnd, negate)
	case Or:
		return b.list(e.Of, opOr, negate)
	case Not:
		return b.bind(e.Of, !negate)
	case Constant:
		is := False
		if e.True != negate {
			is = True
		}
		return &node{op: opConstant, is: is}, nil
	case Column:
		l, err = b.compare(e, Eq, Literal{Kind: Bool, Bool: true, At: e.At})
	case Compare:
		l, err = b.compare(e.Column, e.Op, e.With)
	case In:
		negate = negate != e.Not
		l, err = b.in(e)
	case Between:
		negate = negate != e.Not
		var low, high *leaf
		if low, err = b.compare(e.Column, Ge, e.Low); err == nil {
			high, err = b.compare(e.Column, Le, e.High)
		}
		if err != nil {
			return nil, err
		}
		if low.outside == Unknown || high.outside == Unknown { // one end is null
			n := &node{op: opAnd, of: []*node{{op: opLeaf, leaf: low}, {op: opLeaf, leaf: high}}}
			if negate {
				n = &node{op: opOr, of: []*node{{op: opLeaf, leaf: low.not()}, {op: opLeaf, leaf: high.not()}}}
			}
			return n, nil
		}
		l = low
		if domainOf(l.typ) == domainText {
			if len(low.texts) > 0 && len(high.texts) > 0 {
				l.texts = intersectTexts(low.texts[0], high.texts[0])
			} else {
				l.texts = nil
			}
		} else {
			l.keys = intersectKeys(low.keys, high.keys)
		}
	case Like:
		negate = negate != e.Not
		l, err = b.like(e)
	case IsNull:
		negate = negate != e.Not
		if l, err = b.leaf(e.Column); err == nil {
			l.inside, l.outside, l.null = False, False, True
		}
	default:
		return nil, fmt.Errorf("%w: no expression: %v", ErrSyntax, e)
	}
	if err != nil {
		return nil, err
	}
	if negate {
		l = l.not()
	}
	return &node{op: opLeaf, leaf: l}, nil
}

func (b *binder) list(of []Expr, op nodeOp, negate bool) (*node, error) {
	n := &node{op: op}
	if negate {
		n.op = opAnd + opOr - op
	}
	for _, e := range of {
		x, err := b.bind(e, negate)
		if err != nil {
			return nil, err
		}
		n.of = append(n.of, x)
	}
	return n, nil
}

// leaf finds the column.
func (b *binder) leaf(c Column) (*leaf, error) {
	at := b.schema.FieldIndices(c.Name)
	switch len(at) {
	case 0:
		names := make([]string, b.schema.NumFields())
		for i, f := range b.schema.Fields() {
			names[i] = f.Name
		}
		return nil, &Error{ErrColumn, c.At, fmt.Sprintf("%q is not among %s", shorten(c.Name), strings.Join(names, ", "))}
	case 1:
	default:
		return nil, &Error{ErrColumn, c.At, fmt.Sprintf("%q is the name of several columns", shorten(c.Name))}
	}
	t := b.schema.Field(at[0]).Type
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
	}
	if !slices.Contains(b.columns, c.Name) {
		b.columns = append(b.columns, c.Name)
	}
	return &leaf{column: c.Name, typ: t, inside: True, outside: False, null: Unknown}, nil
}

func (b *binder) compare(c Column, op Op, with Literal) (*leaf, error) {
	l, err := b.leaf(c)
	if err != nil {
		return nil, err
	}
	return l, l.add(op, with)
}

// add extends the ranges by the values for which the comparison is true.
func (l *leaf) add(op Op, with Literal) error {
	d := domainOf(l.typ)
	switch {
	case d == domainNone:
		return mistyped(with.At, "column %s of type %s takes no test but IS NULL", l.column, l.typ)
	case with.Kind == Null: // true for nothing, and false for nothing
		l.outside = Unknown
		if op == Ne {
			l.inside = Unknown
		}
	case d == domainText:
		if with.Kind != Text {
			return mistyped(with.At, "column %s of type %s does not compare with %v", l.column, l.typ, with)
		}
		l.texts = append(l.texts, textRanges(op, with.Text)...)
	default:
		p, ok := locate(with, l.typ)
		if !ok {
			return mistyped(with.At, "column %s of type %s does not compare with %s", l.column, l.typ, shorten(with.String()))
		}
		l.keys = append(l.keys, keyRanges(op, p)...)
	}
	return nil
}

func (b *binder) in(e In) (*leaf, error) {
	l, err := b.leaf(e.Column)
	if err != nil {
		return nil, err
	}
	for _, v := range e.Values {
		if err := l.add(Eq, v); err != nil {
			return nil, err
		}
	}
	l.keys, l.texts = unionKeys(l.keys), unionTexts(l.texts)
	return l, nil
}

func (b *binder) like(e Like) (*leaf, error) {
	l, err := b.leaf(e.Column)
	if err != nil {
		return nil, err
	}
	if l.typ.ID() != arrow.STRING && l.typ.ID() != arrow.LARGE_STRING {
		return nil, mistyped(e.Column.At, "column %s of type %s has no text for LIKE", l.column, l.typ)
	}
	p := compile(e.Pattern)
	if p.exact() {
		l.texts = textRanges(Eq, p.prefix)
		return l, nil
	}
	l.texts = []textRange{prefixRange(p.prefix)}
	if !p.begins() {
		l.like = &p
	}
	return l, nil
}
