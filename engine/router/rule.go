package router

// rule is one way in which a route matches.
type rule struct{}
