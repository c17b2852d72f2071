"""A run as a page: the view model, its pictures, and the HTML that is made from them."""
