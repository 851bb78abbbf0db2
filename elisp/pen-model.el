;;; pen-model.el --- Choose the model that answers -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-choose-model' sets `pen-default-model', which goes before the newest
;; model that was tuned from a definition.

;;; Code:

(require 'pen-rpc-error)
(require 'pen-rpc-methods)
(require 'pen-read)
(require 'pen-request)

;;;; Functions

(defun pen-model-use (model)
  "Have MODEL answer, nil the newest tuned, and say so; return it."
  (setq pen-default-model model)
  (pen-rpc-show (cond ((null model)
                       "The newest model tuned from a definition answers from now on")
                      (pen-force-engine
                       (format "%s is chosen, but `pen-force-engine' makes %s answer"
                               model pen-force-engine))
                      (t (format "%s answers from now on" model))))
  model)

;;;; Commands

;;;###autoload
(defun pen-choose-model (model &optional check)
  "Have MODEL answer from now on; nil, what an empty answer is, the newest tuned.
Return it.  With CHECK, as for a person, the service is asked first
whether there is such a model, without waiting for its answer; if
there is none, everything stays as it is."
  (interactive (list (pen-read-model) t))
  (cond ((not check) (setq pen-default-model model))
        ((null model) (pen-model-use nil))
        (t (pen-rpc-models-show :id model :then (lambda (_) (pen-model-use model)))
           nil)))

(provide 'pen-model)
;;; pen-model.el ends here
