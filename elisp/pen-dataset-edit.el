;;; pen-dataset-edit.el --- Leave out, move and rewrite rows of a training set -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; In the preview of a training set `d' leaves a row out, `v' puts it on the
;; other side, `e' opens its texts in a small buffer, `u' takes any of that
;; back.  Marks are kept by the row's text, so they survive when the set is
;; built again, with other options or from a source that has grown.  They reach
;; the files at the next build: `g', or whatever needs the set.  The source is
;; never changed.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-plist)
(require 'pen-source-place)
(require 'pen-dataset-state)
(require 'pen-dataset-view)

;;;; Keymaps

(defvar pen-dataset-edit-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'pen-dataset-edit-take)
    (define-key map (kbd "C-c C-k") #'pen-dataset-edit-abort)
    map)
  "Keys of the buffer in which a row is rewritten.")

;;;; Internal variables

(defvar-local pen-dataset-edit--preview nil "The preview that the row is in.")
(defvar-local pen-dataset-edit--row nil "The row that is rewritten here.")

;;;; Functions

(defun pen-dataset-edits-wire (edits)
  "Return EDITS as the method datasets-plan takes them."
  (mapcar (lambda (edit)
            (pen-plist-given (pen-plist-only edit '(:key :exclude :side :texts))))
          edits))

(defun pen-dataset-row ()
  "Return the row at point, or say that there is none that can be changed."
  (let* ((number (pen-dataset-row-number))
         (row (nth (1- number) (plist-get pen-dataset--plan :rows))))
    (unless (plist-get row :members)
      (user-error "This looks at a file as it is; M-x pen-dataset-file builds a set whose rows can be changed"))
    row))

(defun pen-dataset-edit--change (member fields)
  "Lay the plist FIELDS over what is done with MEMBER of a row."
  (let* ((key (plist-get member :key))
         (old (pen-dataset-edit-of key))
         (new (pen-plist-with (or old (list :key key :where (plist-get member :where)
                                            :text (pen-dataset-edit--text member)))
                              fields)))
    (setq pen-dataset--edits
          (append (remove old pen-dataset--edits)
                  (and (or (plist-get new :exclude) (plist-get new :side)
                           (plist-get new :texts))
                       (list new))))))

(defun pen-dataset-edit--text (member)
  "Return MEMBER of a row in one line."
  (mapconcat (lambda (part) (plist-get part :text)) (plist-get member :parts) " "))

(defun pen-dataset-edit--forget (keys)
  "Take back what was done with the records KEYS; return how many there were."
  (let ((before (length pen-dataset--edits)))
    (setq pen-dataset--edits
          (seq-remove (lambda (each) (member (plist-get each :key) keys))
                      pen-dataset--edits))
    (- before (length pen-dataset--edits))))

(defun pen-dataset-edit--all (row fields)
  "Lay the plist FIELDS over every record of ROW; go to the next row."
  (dolist (member (plist-get row :members))
    (pen-dataset-edit--change member fields))
  (pen-dataset-edit--drawn 1))

(defun pen-dataset-edit--drawn (&optional step)
  "Draw the preview, and go STEP rows on from the one at point."
  (let ((number (get-text-property (point) 'pen-row)))
    (pen-dataset-draw)
    (when (and number step)
      (pen-dataset-to-row (+ number step)))))

(defun pen-dataset-edit--excluded-p (row)
  "Return non-nil if all records of ROW are to be left out."
  (seq-every-p (lambda (each) (plist-get (pen-dataset-edit-of (plist-get each :key)) :exclude))
               (plist-get row :members)))

;;;; Functions: the small buffer

(defun pen-dataset-edit--texts (member)
  "Return the texts of MEMBER as they are to be, with their names."
  (let ((new (plist-get (pen-dataset-edit-of (plist-get member :key)) :texts)))
    (cl-loop for part in (plist-get member :parts)
             for index from 0
             collect (cons (plist-get part :name)
                           (if new (nth index new) (plist-get part :text))))))

(defun pen-dataset-edit--insert (number heading text)
  "Insert TEXT below HEADING, the one with NUMBER, which nobody can change."
  (insert (propertize (concat (if (bobp) "" "\n") heading "\n")
                      'face 'shadow 'read-only t 'pen-heading number
                      'rear-nonsticky t 'front-sticky (bobp))
          text))

(defun pen-dataset-edit--read ()
  "Return the texts below the headings of this buffer, in order."
  (let ((place (point-min)) texts)
    (while (< place (point-max))
      (let ((beg (next-single-property-change place 'pen-heading nil (point-max))))
        (when (get-text-property place 'pen-heading)
          (push (buffer-substring-no-properties
                 beg (if (get-text-property (min beg (1- (point-max))) 'pen-heading)
                         beg
                       (next-single-property-change beg 'pen-heading nil (point-max))))
                texts))
        (setq place beg)))
    (nreverse texts)))

(defun pen-dataset-edit--check-free ()
  "Show the small buffer and say so if nobody took what was rewritten there."
  (when-let ((buffer (get-buffer "*pen-row*")))
    (when (buffer-modified-p buffer)
      (pop-to-buffer buffer)
      (user-error "This row was changed and not taken yet; C-c C-c takes it, C-c C-k leaves it as it was"))))

(defun pen-dataset-edit--changes (row texts)
  "Take TEXTS for the records of ROW: the change of each one that differs."
  (dolist (member (plist-get row :members))
    (let* ((old (mapcar #'cdr (pen-dataset-edit--texts member)))
           (new (cl-loop repeat (length old) collect (pop texts)))
           (plain (mapcar (lambda (part) (plist-get part :text)) (plist-get member :parts))))
      (cond ((equal new old))
            ((and (equal new plain) (not (member (pen-dataset-edit-of (plist-get member :key))
                                                 (cadr pen-dataset--asked))))
             (pen-dataset-edit--change member '(:texts nil :side nil)))
            (t (pen-dataset-edit--change
                member (list :texts new :text (string-join new " ") :exclude nil
                             ;; A new text would else be put on a side by its own hash.
                             :side (plist-get row :side))))))))

;;;; Commands

(defun pen-dataset-exclude ()
  "Leave the row at point out of the training set, or no longer."
  (interactive)
  (let ((row (pen-dataset-row)))
    (pen-dataset-edit--all row (list :exclude (not (pen-dataset-edit--excluded-p row))))))

(defun pen-dataset-other-side ()
  "Hold the row at point out, or train on it if it is held out."
  (interactive)
  (let* ((row (pen-dataset-row))
         (here (plist-get row :side))
         (there (if (eq here 'valid) 'train 'valid))
         (edit (pen-dataset-edit-of (plist-get (car (plist-get row :members)) :key))))
    (pen-dataset-edit--all
     row (list :exclude nil
               :side (if (eq (plist-get edit :side) there)
                         (and (plist-get edit :texts) here)
                       there)))))

(defun pen-dataset-unmark ()
  "Take back what was done to the row at point, or on this line, by hand."
  (interactive)
  (let ((keys (if-let ((key (get-text-property (point) 'pen-edit)))
                  (list key)
                (mapcar (lambda (each) (plist-get each :key))
                        (plist-get (pen-dataset-row) :members)))))
    (when (zerop (pen-dataset-edit--forget keys))
      (user-error "Nothing was changed by hand here"))
    (pen-dataset-edit--drawn)))

(defun pen-dataset-edit ()
  "Rewrite the texts of the row at point in a small buffer."
  (interactive)
  (pen-dataset-edit--check-free)
  (let ((row (pen-dataset-row))
        (preview (current-buffer))
        (buffer (get-buffer-create "*pen-row*"))
        (texts (mapcar (lambda (member)
                         (cons (pen-source-place pen-dataset--source (plist-get member :where))
                               (pen-dataset-edit--texts member)))
                       (plist-get (pen-dataset-row) :members))))
    (with-current-buffer buffer
      (let ((inhibit-read-only t))
        (erase-buffer)
        (pen-dataset-edit-mode)
        (setq pen-dataset-edit--preview preview pen-dataset-edit--row row)
        (let ((number 0))
          (pcase-dolist (`(,where . ,parts) texts)
            (pcase-dolist (`(,name . ,text) parts)
              (pen-dataset-edit--insert (cl-incf number) (format "── %s (%s)" name where)
                                        text)))))
      (goto-char (next-single-property-change (point-min) 'pen-heading nil (point-max)))
      (setq buffer-undo-list nil)
      (set-buffer-modified-p nil))
    (pop-to-buffer buffer '((display-buffer-below-selected)
                            (window-height . fit-window-to-buffer)))))

(define-derived-mode pen-dataset-edit-mode text-mode "Pen-Row"
  "Mode of the buffer in which the texts of a training row are rewritten.

\\{pen-dataset-edit-mode-map}"
  :interactive nil
  (setq word-wrap t
        header-line-format "C-c C-c take the texts  C-c C-k leave them as they were"))

(defun pen-dataset-edit-take ()
  "Take the texts of this buffer for the row that it was opened on."
  (interactive)
  (let ((preview pen-dataset-edit--preview)
        (row pen-dataset-edit--row)
        (texts (pen-dataset-edit--read)))
    (unless (buffer-live-p preview)
      (user-error "The preview of this row was killed; copy the text from here if you need it"))
    (when (seq-every-p #'string-blank-p texts)
      (user-error "A row needs a text; C-c C-k, and d in the preview, leave it out"))
    (with-current-buffer preview
      (pen-dataset-edit--changes row texts)
      (pen-dataset-draw))
    (quit-window t)
    (when-let ((window (get-buffer-window preview)))
      (select-window window))))

(defun pen-dataset-edit-abort ()
  "Leave the texts of the row as they were."
  (interactive)
  (quit-window t))

(provide 'pen-dataset-edit)
;;; pen-dataset-edit.el ends here
