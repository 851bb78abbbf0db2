;;; pen-read.el --- Ask for a name that the service knows, without waiting -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The minibuffer opens at once; the names to complete over arrive while the
;; person reads the question.

;;; Code:

(require 'subr-x)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-figure)
(require 'pen-project)
(require 'pen-prompt)

;;;; Internal variables

(defvar pen-read--names (make-hash-table :test #'equal)
  "Kind of a name → alist of the names heard of last, each with (PREFIX SUFFIX).
Those of definitions are of the kind (pen-prompt . PROJECT).")

(defvar pen-read-history nil
  "Names answered before.")

;;;; Functions

(defun pen-read-prompt-name (default)
  "Ask for the name of a prompt definition, DEFAULT if nothing is typed."
  (let ((kind (cons 'pen-prompt (pen-project))))
    (unless (gethash kind pen-read--names)
      (pen-read--learn kind :slug #'pen-read--prompt-affixes
                       (or (pen-prompt-heard (cdr kind)) (pen-prompt-known))))
    (pen-read--name kind "Prompt definition" default
                    #'pen-prompt-list :slug #'pen-read--prompt-affixes)))

(defun pen-read--prompt-affixes (definition)
  "Return what stands before and after the name of DEFINITION in a list."
  (list (pcase (plist-get definition :use)
          ('filter "⇄ ")
          ('point "⇥ ")
          ('insertion "+ ")
          (_ "  "))
        (format "  /%s  %s%s%s%s" (plist-get definition :arity)
                (pcase (plist-get definition :origin)
                  ('project "[project] ")
                  ('user "[yours] ")
                  (_ ""))
                (if (plist-get definition :model) (concat (plist-get definition :model) "  ") "")
                (if (plist-get definition :refused)
                    "[refused: has filters that pen does not run] "
                  "")
                (car (split-string (or (plist-get definition :description) "") "\n")))))

(defun pen-read-model (&optional prompt default)
  "Ask for the name of a model with PROMPT; nil if nothing is typed.
Without PROMPT nothing typed means the newest tuned, else DEFAULT."
  (let ((name (pen-read--name 'pen-model (or prompt "Model")
                              (if prompt default "the newest tuned")
                              #'pen-rpc-models-list :id #'pen-read--model-affixes)))
    (and (not (member name '("the newest tuned" "" nil))) name)))

(defun pen-read--model-affixes (model)
  "Return what stands before and after the name of MODEL in a list."
  (list (if (equal (bound-and-true-p pen-default-model) (plist-get model :id)) "* " "  ")
        (string-join
         (delq nil (list ""
                         (let ((base (plist-get model :base)))
                           (if (and base (not (equal base (plist-get model :id))))
                               (format "from %s" base)
                             (plist-get model :kind)))
                         (when-let ((created (plist-get model :created-at)))
                           (and (> created 0) (format-time-string "%F %R" created)))
                         (when-let ((prompt (plist-get model :prompt)))
                           (format "for %s" prompt))
                         (when-let ((loss (plist-get model :loss)))
                           (concat "loss " (pen-figure-loss loss)))
                         (when-let ((parameters (plist-get model :parameters)))
                           (concat (file-size-human-readable parameters 'si " ") " parameters"))))
         "  ")))

(defun pen-read-job-id ()
  "Ask for the id of a job."
  (pen-read--name 'pen-job "Job" nil #'pen-rpc-jobs-list :id
                  (lambda (each) (list "" (format "  %s  %s" (plist-get each :status)
                                                  (plist-get each :model))))))

(defun pen-read--name (kind prompt default method key affixes)
  "Ask for a KIND of name with PROMPT and DEFAULT.
METHOD lists the things, KEY is the field with the name, and AFFIXES
returns what stands before and after the name of one of them."
  (funcall method
           :then (lambda (things) (pen-read--learn kind key affixes things))
           :else #'ignore)
  (completing-read (format-prompt prompt default) (pen-read--table kind)
                   nil
                   ;; A definition may be a file; a model or job that nobody knows may be a slip.
                   (if (symbolp kind) 'confirm)
                   nil 'pen-read-history default))

(defun pen-read--learn (kind key affixes things)
  "Complete over THINGS of KIND from now on.
KEY and AFFIXES are as in `pen-read--name'."
  (puthash kind
           (mapcar (lambda (each) (cons (plist-get each key) (funcall affixes each)))
                   things)
           pen-read--names))

(defun pen-read--table (kind)
  "Return a completion table over the names of KIND that are known by then."
  (lambda (string predicate action)
    (let ((names (gethash kind pen-read--names)))
      (if (eq action 'metadata)
          `(metadata
            (category . ,(if (consp kind) (car kind) kind))
            (affixation-function . ,(apply-partially #'pen-read--affixed names)))
        (complete-with-action action names string predicate)))))

(defun pen-read--affixed (names shown)
  "Return SHOWN, some of NAMES, each with what stands before and after it."
  (let ((width (apply #'max 0 (mapcar #'string-width shown))))
    (mapcar (lambda (name)
              (pcase-let ((`(,before ,after) (cdr (assoc name names))))
                (list name (or before "")
                      (concat (make-string (- width (string-width name)) ?\s)
                              (propertize (truncate-string-to-width
                                           (or after "") (max 20 (- (frame-width) width 4))
                                           nil nil t)
                                          'face 'completions-annotations)))))
            shown)))

(provide 'pen-read)
;;; pen-read.el ends here
