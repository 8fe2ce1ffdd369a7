package webhook

// What tests outside of the package reach.
var ErrPrivate = errPrivate

const (
	FreshFor = freshFor
	Purpose  = purpose
)

// Forget makes the service read its list anew.
func (s *Service) Forget() { s.forget() }
