//go:build soak

package writer

// So many tables of each kind are written to, with so many puts and deletes by each of those who do.
const (
	stressRounds = 20
	stressOps    = 400
)
