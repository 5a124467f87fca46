"""Figures printed in the papers, to stand beside ours."""

# Table 1 of the meta-optimizer paper: sigma -> SNR and, for each column, PSNR (dB) and SSIM.
TABLE1_COLUMNS = ("noisy", "nlm", "ksvd", "bm3d", "dncnn-blind", "dncnn-blind-meta")
TABLE1_SNR = {
    5: 26.80, 10: 20.78, 15: 17.26, 20: 14.76, 25: 12.82, 30: 11.24,
    40: 8.74, 50: 6.80, 60: 5.22, 70: 3.88, 80: 2.72, 90: 1.70,
}  # fmt: skip
TABLE1_PSNR = {
    5: (34.15, 35.95, 37.38, 37.70, 38.07, 34.21),
    10: (28.13, 31.88, 33.15, 33.49, 34.03, 28.24),
    15: (24.61, 29.67, 30.93, 31.22, 31.90, 24.78),
    20: (22.11, 28.20, 29.45, 29.75, 30.45, 22.33),
    25: (20.17, 27.11, 28.35, 28.64, 29.26, 20.45),
    30: (18.59, 26.25, 27.47, 27.79, 28.45, 18.95),
    40: (16.09, 24.92, 26.13, 26.31, 27.31, 16.62),
    50: (14.15, 23.93, 25.09, 25.35, 26.28, 14.89),
    60: (12.57, 23.16, 24.26, 24.60, 25.65, 13.54),
    70: (11.23, 22.52, 23.58, 23.97, 24.98, 12.23),
    80: (10.07, 21.99, 22.99, 23.44, 24.59, 11.60),
    90: (9.04, 21.53, 22.51, 22.99, 24.03, 10.89),
}
TABLE1_SSIM = {
    5: (0.89, 0.94, 0.96, 0.97, 0.98, 0.95),
    10: (0.71, 0.88, 0.92, 0.92, 0.96, 0.84),
    15: (0.57, 0.83, 0.87, 0.88, 0.94, 0.72),
    20: (0.47, 0.78, 0.83, 0.85, 0.95, 0.61),
    25: (0.39, 0.74, 0.80, 0.82, 0.91, 0.52),
    30: (0.34, 0.71, 0.77, 0.79, 0.89, 0.45),
    40: (0.25, 0.64, 0.71, 0.74, 0.86, 0.34),
    50: (0.20, 0.59, 0.67, 0.70, 0.83, 0.27),
    60: (0.16, 0.54, 0.63, 0.67, 0.81, 0.22),
    70: (0.13, 0.50, 0.60, 0.64, 0.78, 0.19),
    80: (0.11, 0.47, 0.58, 0.62, 0.78, 0.16),
    90: (0.09, 0.43, 0.56, 0.60, 0.76, 0.14),
}

# Table 3 of the same paper: seconds an image.
TABLE3_SECONDS = {"nlm": 15, "ksvd": 60, "bm3d": 30, "dncnn-blind": 15, "dncnn-blind-meta": 13}

# Published PSNR (dB) of the authors' DnCNN-S (Zhang et al. 2017, tables II and III).
DNCNN_S_PSNR = {
    "set12": {15: 32.86, 25: 30.44, 50: 27.18},
    "bsd68": {15: 31.73, 25: 29.23, 50: 26.23},
}

# Tables 1 to 3 of the meta-transfer paper (arXiv 2207.02066): PSNR (dB) and SSIM in validation,
# then in testing. MRL and RL are the auxiliary task's losses: masked and plain reconstruction.
REAL_PRETRAINING = {
    "sequential heads, RL": (31.1540, 0.8711, 35.7237, 0.9054),
    "parallel heads (Chi et al. 2021), RL": (30.8964, 0.8664, 33.4407, 0.9153),
    "MAXL, RL": (31.1417, 0.8691, 33.4551, 0.9207),
    "MAXL, MRL": (31.3130, 0.8719, 35.8208, 0.9044),
    "MAXL, MRL and gradient loss": (31.2193, 0.8634, 36.1182, 0.9050),
}
REAL_TRANSFER = {
    "before adaptation": (41.4792, 0.9633, 39.2499, 0.9672),
    "after adaptation": (41.5086, 0.9636, 39.2653, 0.9685),
    "RIDNet": (40.2185, 0.9497, 38.2214, 0.9621),
    "MIRNet": (41.0460, 0.9609, 38.9807, 0.9705),
}
REAL_ABLATION = {
    "MAXL, then MTL with MRL": (41.5086, 0.9636, 39.2653, 0.9685),
    "MAXL, then MTL with RL": (41.4466, 0.9634, 39.1280, 0.9683),
    "random weights, then MTL with MRL": (40.1913, 0.9554, 38.1708, 0.9628),
    "random weights, then MTL with RL": (40.2040, 0.9570, 38.0766, 0.9621),
    "MAXL, then MTL with MRL of body and heads": (41.4919, 0.9632, 39.1973, 0.9691),
    "random weights, then MTL with MRL of body and heads": (40.0701, 0.9536, 37.6599, 0.9553),
}
