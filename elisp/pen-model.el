;;; pen-model.el --- Choose the model that answers -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-choose-model' sets `pen-default-model', which goes before the newest
;; model that was tuned from a definition.

;;; Code:

(require 'pen-read)
(require 'pen-request)

;;;; Commands

;;;###autoload
(defun pen-choose-model (model)
  "Have MODEL answer from now on; nil, what an empty answer is, the newest tuned.
Return it."
  (interactive (list (pen-read-model)))
  (setq pen-default-model model)
  (when (called-interactively-p 'any)
    (message "%s" (cond ((null model) "The newest model tuned from a definition answers from now on")
                        (pen-force-engine
                         (format "%s is chosen, but `pen-force-engine' makes %s answer"
                                 model pen-force-engine))
                        (t (format "%s answers from now on" model)))))
  model)

(provide 'pen-model)
;;; pen-model.el ends here
