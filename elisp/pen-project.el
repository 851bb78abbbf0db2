;;; pen-project.el --- Which project's prompt definitions are meant -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Definitions in the directory prompts/ of a project are found from its
;; buffers, before one's own and those that come with pen.  `pen-rpc-invoke'
;; sends `pen-project' along with every method that finds a definition by its
;; name; nobody else needs to.  Its argument :project is a directory, nil for
;; the project of this buffer, or :null for none.

;;; Code:

(eval-when-compile (require 'subr-x))

(declare-function project-root "project" (project))

;;;; Internal variables

(defvar pen-project-script nil
  "Directory in which a batch script stands, nil in an Emacs that is used.
If it has a directory prompts/, it is a project, whatever is around it.")

;;;; Functions

(defun pen-project ()
  "Return the project that this buffer belongs to, if it has definitions.
That is a directory with a directory prompts/.  Nothing is asked, of a
person or of another machine."
  (let ((directory (and (not (file-remote-p default-directory))
                        (expand-file-name default-directory))))
    (or (and directory
             (equal directory pen-project-script)
             (pen-project--with-prompts directory))
        (and directory
             ;; Most directories have no prompts/ above them; then nothing of VC is loaded.
             (locate-dominating-file directory #'pen-project--with-prompts)
             (pen-project--root directory))
        (and pen-project-script
             (pen-project--with-prompts pen-project-script)))))

(defun pen-project-or-none (project)
  "Return PROJECT, or instead of nil that of this buffer, or :null for none."
  (or project (pen-project) :null))

(defun pen-project--root (directory)
  "Return the root of the project around DIRECTORY if it has definitions."
  (when-let ((project (project-current nil directory))
             (root (expand-file-name (file-name-as-directory (project-root project)))))
    (pen-project--with-prompts root)))

(defun pen-project--with-prompts (directory)
  "Return DIRECTORY if it has a directory of definitions that may be read."
  (let ((prompts (expand-file-name "prompts" directory)))
    (and (file-accessible-directory-p prompts)
         (file-readable-p prompts)
         directory)))

(defun pen-project-buffer (name)
  "Return the buffer called NAME, with the directory that is current now.
Whatever stood in it before, it belongs to the project of this buffer."
  (let ((directory default-directory)
        (buffer (get-buffer-create name)))
    (with-current-buffer buffer
      (setq default-directory directory))
    buffer))

(defun pen-project-keep (function)
  "Return FUNCTION, which will run in the directory that is current now.
What an answer asks on belongs to the project of the question."
  (let ((directory default-directory))
    (lambda (&rest arguments)
      (let ((default-directory directory))
        (apply function arguments)))))

(provide 'pen-project)
;;; pen-project.el ends here
