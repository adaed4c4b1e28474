"""Statistics of a radiomics study: the paper's steps, each judged by R, and the nested procedure beside them."""
