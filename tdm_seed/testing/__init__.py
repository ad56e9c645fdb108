"""What tests need: real database servers and throwaway databases on them."""
