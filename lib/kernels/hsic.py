"""x"""
from lib.kernels._hsic_estimators import cka, gaussian_kernel, hsic, incomplete_cholesky, median_bandwidth
